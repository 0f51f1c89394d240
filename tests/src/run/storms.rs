//! Threads that act at once on one small pool, again and again: every call ends, and nothing stays behind.

use std::sync::Arc;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;

use crate::program::plan::Gust;
use crate::program::plan::Storm;
use crate::run::state::Run;
use crate::run::state::comes_true;
use crate::tally::Tally;

/// How often the threads act: what goes wrong takes a moment that seldom comes.
const TURNS: usize = 20;

impl Run {
    pub(crate) fn storm(&self, index: usize, storm: &Storm) {
        // The system might refuse a thread that acts.
        if self.scarce {
            return;
        }
        Tally::add(&self.tally.storms);
        let (name, elsewhere) = (format!("s{index}-{}", self.turn), Pool::new(1));
        for _ in 0..TURNS {
            self.blow(storm, &name, &elsewhere);
        }
        self.check_gone(&format!("{name}-"));
    }

    fn blow(&self, storm: &Storm, name: &str, elsewhere: &Pool) {
        let pool = Arc::new(Pool::builder().workers(storm.workers).name(name).build().expect("nothing to refuse"));
        pool.spawn(|| ()).get();
        let mut calls = Vec::new();
        if storm.paused {
            pool.set_workers(0);
            calls.push(pool.spawn(|| ()));
        }
        let start = Barrier::new(storm.threads.len());
        thread::scope(|scope| {
            let act = |gusts| {
                start.wait();
                act(gusts, &pool, elsewhere)
            };
            let threads: Vec<_> = storm.threads.iter().map(|gusts| scope.spawn(move || act(gusts))).collect();
            for thread in threads {
                calls.extend(thread.join().expect("an act does not panic"));
            }
        });
        if pool.workers() == 0 {
            pool.set_workers(1);
        }
        for call in calls {
            if !comes_true(|| call.is_finished()) {
                return self.fault(format!("a call of {pool:?} in a storm never ends"));
            }
            match call.outcome() {
                Ok(()) | Err(TaskError::Cancelled | TaskError::Closed) => {}
                Err(error) => self.fault(format!("a call in a storm ended as {error}")),
            }
        }
        pool.close();
        let stats = pool.stats();
        if (stats.running, stats.blocked, stats.queued) != (0, 0, 0) {
            self.fault(format!("a pool ends in a storm as {stats:?}"));
        }
    }
}

/// Acts on the pool, and returns the calls that were made.
fn act(gusts: &[Gust], pool: &Arc<Pool>, elsewhere: &Pool) -> Vec<AsyncValue<()>> {
    let mut calls = Vec::new();
    for gust in gusts {
        match *gust {
            Gust::Spawn => calls.push(pool.spawn(|| ())),
            Gust::Nest => {
                let inner = pool.clone();
                calls.push(elsewhere.spawn(move || drop(inner.spawn(|| ()).map(|()| ()).outcome())));
            }
            Gust::Resize(workers) => pool.set_workers(workers),
            Gust::CancelQueued => drop(pool.cancel_queued()),
            Gust::RequestStop => pool.request_stop(),
            Gust::Cancel => drop(calls.last().map(AsyncValue::cancel)),
            Gust::Close(micros) => drop(pool.close_timeout(Duration::from_micros(micros.into()))),
        }
    }
    calls
}

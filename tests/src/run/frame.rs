//! The bodies that run now, counted per pool: how many run, and how many wait.

use std::cell::Cell;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use crate::program::plan::At;
use crate::program::plan::Body;
use crate::run::state::Run;
use crate::tally::Tally;

/// The calls of a pool.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The calls that run and are in no wait.
    pub(crate) running: AtomicIsize,
    /// The calls of these that have never waited, and do not run inside the wait of another call.
    pub(crate) fresh: AtomicIsize,
    /// The calls in a wait.
    pub(crate) away: AtomicIsize,
    /// The calls that came back from a wait, or ran inside of one, less the calls from outside that have ended since.
    pub(crate) credit: AtomicIsize,
    /// The calls that have begun so far.
    pub(crate) entered: AtomicUsize,
}

thread_local! {
    /// The pools of the bodies on this thread, by the address of their run.
    static FRAMES: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// A body that runs.
pub(crate) struct Frame<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) home: At,
    /// The pool that counts the body: its own, or none if the body runs on the thread that made the call.
    pub(crate) counted: Option<usize>,
    pub(crate) fresh: Cell<bool>,
    /// Made from outside of all calls, and not run inside of one.
    pub(crate) outermost: bool,
}

impl<'a> Frame<'a> {
    /// Counts a body; `None` stands for a closure that only passes a result on.
    pub(crate) fn enter(run: &'a Arc<Run>, home: At, body: Option<&Body>) -> Self {
        let tally = &run.tally;
        if let Some(body) = body {
            Tally::add(&tally.calls);
            Tally::at_least(&tally.deepest, body.depth + 1);
        }
        let frame = Self { run, home, counted: None, fresh: Cell::new(false), outermost: false };
        let At::Pool(pool) = home else { return frame };
        let meter = &run.meters[pool];
        meter.entered.fetch_add(1, Ordering::SeqCst);
        if !thread::current().name().is_some_and(|name| name.starts_with(&format!("p{pool}-"))) {
            Tally::add(&tally.guests);
            return frame;
        }
        let key = (Arc::as_ptr(run).addr(), pool);
        let inline = FRAMES.with_borrow_mut(|frames| {
            let inline = frames.contains(&key);
            frames.push(key);
            inline
        });
        let facts = &run.oracle.facts()[pool];
        let most = isize::try_from(facts.most).expect("small");
        let running = meter.running.fetch_add(1, Ordering::SeqCst) + 1;
        if running >= most {
            Tally::add(&tally.full);
        }
        if facts.is_exact() && running > most {
            run.fault(format!("{running} calls of pool {pool} run at once, which never had more than {most} workers"));
        }
        if inline {
            Tally::add(&tally.inline);
            meter.credit.fetch_add(1, Ordering::SeqCst);
        } else {
            // Each call that came back from a wait may run over the ceiling, and so may a spare that has the permit of a
            // waiting call. A worker that has run a call from outside stands down if the pool is over the ceiling.
            let fresh = meter.fresh.fetch_add(1, Ordering::SeqCst) + 1;
            let more = meter.away.load(Ordering::SeqCst) + meter.credit.load(Ordering::SeqCst);
            if fresh > most + more && facts.least > 0 {
                run.fault(format!("{fresh} new calls of pool {pool} run at once, beside {more} that have waited"));
            }
        }
        let outermost = !inline && body.is_some_and(|body| body.depth == 0);
        Self { counted: Some(pool), fresh: Cell::new(!inline), outermost, ..frame }
    }

    /// Counts the body as waiting while `wait` runs, and tallies the wait.
    pub(crate) fn away<R>(&self, wait: impl FnOnce() -> R) -> R {
        Tally::add(&self.run.tally.nested_waits);
        self.aside(wait)
    }

    /// Counts the body as waiting while `wait` runs.
    pub(crate) fn aside<R>(&self, wait: impl FnOnce() -> R) -> R {
        let Some(pool) = self.counted else { return wait() };
        let meter = &self.run.meters[pool];
        if self.fresh.replace(false) {
            meter.fresh.fetch_sub(1, Ordering::SeqCst);
        }
        meter.away.fetch_add(1, Ordering::SeqCst);
        meter.running.fetch_sub(1, Ordering::SeqCst);
        let result = wait();
        meter.running.fetch_add(1, Ordering::SeqCst);
        meter.credit.fetch_add(1, Ordering::SeqCst);
        meter.away.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let Some(pool) = self.counted else { return };
        let meter = &self.run.meters[pool];
        if self.fresh.get() {
            meter.fresh.fetch_sub(1, Ordering::SeqCst);
        }
        if self.outermost {
            let _ = meter
                .credit
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |credit| (credit > 0).then(|| credit - 1));
        }
        meter.running.fetch_sub(1, Ordering::SeqCst);
        FRAMES.with_borrow_mut(Vec::pop);
    }
}

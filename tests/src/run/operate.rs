//! What happens to the pools while calls run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use asynctools::Pool;

use crate::program::plan::At;
use crate::program::plan::PoolAct;
use crate::run::frame::Frame;
use crate::run::state::Run;
use crate::run::state::comes_true;
use crate::run::state::lock;
use crate::run::state::yield_often;
use crate::tally::Tally;

impl Run {
    pub(crate) fn act_on_pool(self: &Arc<Self>, act: PoolAct) {
        match act {
            PoolAct::Resize(pool, workers) => {
                Tally::add(if workers == 0 { &self.tally.pauses } else { &self.tally.resizes });
                if workers == 0 {
                    // Under the lock, so that no thread pauses a pool that another thread is about to drop.
                    if let Some(pool) = &*lock(&self.pools[pool]) {
                        pool.set_workers(0);
                    }
                } else {
                    // A refused thread ends calls here, and so runs code of the program, which may want the lock.
                    let owner = lock(&self.pools[pool]).clone();
                    if let Some(pool) = owner {
                        pool.set_workers(workers);
                    }
                }
                if workers == 0 && self.oracle.facts()[pool].stays_paused() {
                    self.probe(pool);
                }
            }
            PoolAct::CancelQueued(pool) => drop(self.target(At::Pool(pool)).cancel_queued()),
            PoolAct::RequestStop(pool) => {
                Tally::add(&self.tally.stops);
                self.target(At::Pool(pool)).request_stop();
            }
            PoolAct::Close(pool) => {
                Tally::add(&self.tally.closes);
                self.target(At::Pool(pool)).close();
            }
            PoolAct::CloseTimeout(pool, micros) => {
                Tally::add(&self.tally.closes);
                let limit = Duration::from_micros(u64::from(micros));
                let _gone = self.target(At::Pool(pool)).close_timeout(limit);
            }
            PoolAct::Drop(pool) => {
                let Some(pool) = lock(&self.pools[pool]).take() else { return };
                Tally::add(&self.tally.closes);
                self.drop_pool(pool);
            }
        }
    }

    /// Checks that no call made on a paused pool starts. Runs on the only thread that could end the pause.
    pub(crate) fn probe(self: &Arc<Self>, pool: usize) {
        let started = Arc::new(AtomicBool::new(false));
        let (run, token, mark) = (self.clone(), self.ledger.result(0), started.clone());
        let probe = self.target(At::Pool(pool)).spawn(move || {
            let (run, _token) = (run, token);
            let _frame = Frame::enter(&run, At::Pool(pool), None);
            mark.store(true, Ordering::SeqCst);
        });
        probe.detach();
        yield_often(20);
        if started.load(Ordering::SeqCst) {
            self.fault(format!("a call of the paused pool {pool} started"));
        }
        Tally::add(&self.tally.probes);
    }

    /// Drops the pool on this thread: a call that dropped the last owner might wait for the end of itself.
    pub(crate) fn drop_pool(&self, pool: Arc<Pool>) {
        if Arc::strong_count(&pool) > 1 {
            // The other owners may be calls in the queue of the pool.
            if pool.workers() == 0 {
                pool.set_workers(1);
            }
            if !comes_true(|| Arc::strong_count(&pool) == 1) {
                self.fault(format!("somebody keeps {pool:?}"));
            }
        }
        drop(pool);
    }
}

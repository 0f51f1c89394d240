//! The ways in which an owner operates a pool: resize, watch, close.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::TaskError;
use crate::graph::blocked::BlockedOn;
use crate::graph::blocked::is_blocked;
use crate::graph::blocked::this_thread;
use crate::graph::lineage;
use crate::graph::look;
use crate::graph::stop;
use crate::graph::wait::block_on_pool;
use crate::graph::wait::over;
use crate::sync::Instant;
use crate::workers::config::PoolStats;
use crate::workers::inner::Inner;
use crate::workers::state::CLOSED;
use crate::workers::state::Closer;
use crate::workers::state::Worker;

impl Inner {
    /// Whether the pool has more threads than may run calls.
    pub(crate) fn has_spares(&self) -> bool {
        let state = self.lock();
        state.workers.len() > state.target
    }

    pub(crate) fn target(&self) -> usize {
        self.lock().target
    }

    pub(crate) fn set_target(self: &Arc<Self>, target: usize) {
        let blocked: Vec<_> = {
            let mut state = self.lock();
            if state.closed {
                return;
            }
            let was_paused = std::mem::replace(&mut state.target, target) == 0;
            // A parked thread that has become a spare leaves sooner.
            state.parked.iter().for_each(|worker| worker.unpark());
            // Workers that blocked meanwhile found no spare for their needs: they look again.
            state.blocked.iter().filter(|worker| was_paused && worker.is_blocked()).cloned().collect()
        };
        for worker in &blocked {
            self.give_back_permit(worker);
        }
        self.ensure_worker(self.queue.len());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        self.lose_queued(|_| TaskError::Cancelled, |job| job.stopped().is_none())
    }

    /// Cancels the calls in the queue, and asks the running calls to stop.
    pub(crate) fn request_stop(&self) {
        self.cancel_queued();
        // Afterwards: a call that was not in the queue any more read a smaller number.
        stop::ask_pool(self.id);
    }

    /// Closes the pool, and waits for nothing.
    pub(crate) fn mark_closed(&self) {
        let was_paused = {
            let mut state = self.lock();
            state.closed = true;
            let was_paused = state.target == 0;
            // Calls that the running calls still make have to end.
            state.target = state.target.max(1);
            state.update_gone();
            state.parked.iter().for_each(|worker| worker.unpark());
            if let Some(bound) = &mut state.bound {
                bound.refuse_all();
            }
            was_paused
        };
        if was_paused {
            self.close_queued();
        }
    }

    /// Closes the pool, waits for its threads, and returns whether all threads are gone. Does not wait if the pool
    /// needs the end of the closing call.
    pub(crate) fn close(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        self.mark_closed();
        let are_gone = !self.needs_this_thread() && self.wait_gone(deadline);
        over();
        are_gone
    }

    /// Whether a call of this pool cannot end before a call on the current thread has ended.
    fn needs_this_thread(self: &Arc<Self>) -> bool {
        if !lineage::is_in_call() {
            return false;
        }
        let makers = lineage::makers();
        if lineage::is_inside(self.id) || makers.iter().any(|(pool, _)| *pool == self.id) {
            return true;
        }
        let threads: Vec<_> = makers.into_iter().map(|(_, thread)| thread).collect();
        look::does_end_need(self.clone(), &threads)
    }

    /// Ends the calls in the queue: no worker comes for them.
    pub(crate) fn close_queued(&self) {
        self.lose_queued(|_| TaskError::Closed, |_| true);
    }

    fn wait_gone(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        let closer = Closer::new(this_thread());
        self.lock().closers.push(closer.clone());
        let gone = loop {
            self.join_ended();
            let is_gone = {
                let state = self.lock();
                state.threads == 0 && state.guests.is_empty()
            };
            if is_gone {
                break true;
            }
            let told = block_on_pool(BlockedOn::End(self.clone()), &|| closer.is_told(), deadline);
            if !told {
                stop::ask_pool(self.id);
                break false;
            }
            if closer.must_return() {
                break false;
            }
        };
        self.lock().closers.retain(|other| !Arc::ptr_eq(other, &closer));
        if gone {
            // Submissions that raced with the close, and were not told yet.
            self.close_queued();
        }
        gone
    }

    /// The current thread, which belongs to the pool, is about to end.
    pub(crate) fn thread_ended(&self, worker: &Arc<Worker>) {
        // Where nobody waits for the end of the pool, its threads clear each other away.
        self.join_ended();
        let mut state = self.lock();
        state.ended.push(worker.clone());
        state.tell_closers();
    }

    /// Joins the ended threads. Such a thread has come to the last of its destructors, so the wait is short.
    fn join_ended(&self) {
        let ended = std::mem::take(&mut self.lock().ended);
        for worker in &ended {
            worker.join();
        }
        let mut state = self.lock();
        state.threads -= ended.len();
        if !ended.is_empty() {
            state.tell_closers();
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let state = self.lock();
        let workers = || state.workers.values();
        let in_calls = workers().filter(|worker| worker.depth.load(Ordering::Relaxed) > 0).count();
        let room = state.target.saturating_sub(state.busy);
        let spares = state.parked.len().saturating_sub(room);
        // A thread counts once, however many calls stand on its stack.
        let mut guests: HashSet<_> = state.guests.iter().copied().collect();
        workers().filter_map(|worker| worker.number_of_thread()).for_each(|own| _ = guests.remove(&own));
        let blocked_guests = guests.iter().filter(|guest| is_blocked(**guest)).count();
        PoolStats {
            workers: state.target,
            idle: (state.workers.len() - in_calls).saturating_sub(spares),
            running: in_calls.saturating_sub(state.blocked.len()) + guests.len() - blocked_guests,
            blocked: state.blocked.len() + blocked_guests,
            queued: self.queue.live(),
            finished: state.finished + workers().map(|worker| worker.finished.load(Ordering::Relaxed)).sum::<usize>(),
            panicked: state.panicked + workers().map(|worker| worker.panicked.load(Ordering::Relaxed)).sum::<usize>(),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            spares,
        }
    }
}

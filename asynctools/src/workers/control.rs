//! What the owner of a pool does with it: resize, watch, close.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::error::TaskError;
use crate::graph::current;
use crate::sync::Instant;
use crate::workers::config::PoolStats;
use crate::workers::inner::Inner;
use crate::workers::state::CLOSED;

impl Inner {
    pub(crate) fn target(&self) -> usize {
        self.lock().target
    }

    pub(crate) fn set_target(self: &Arc<Self>, target: usize) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let was_paused = std::mem::replace(&mut state.target, target) == 0;
        self.publish(&state);
        // Those who blocked meanwhile found no spare for what they need: they look again.
        let blocked: Vec<_> =
            state.workers.values().filter(|worker| was_paused && worker.is_blocked()).cloned().collect();
        // Whoever has become a spare has less patience.
        state.parked.iter().for_each(|worker| worker.unpark());
        let waiting = state.front.len() + self.receiver.len();
        drop(state);
        for worker in &blocked {
            self.give_back_permit(worker);
        }
        self.room.notify_all();
        self.ensure_worker(waiting);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        self.take_queue().iter().filter(|call| call.lose(TaskError::Cancelled)).count()
    }

    /// Closes the pool and waits for its workers: whether they are gone. From a call of the pool itself it does not wait.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        state.closed = true;
        state.gone = state.workers.is_empty();
        let paused = state.target == 0;
        // What the calls that run still make has to end.
        state.target = state.target.max(1);
        self.publish(&state);
        state.parked.iter().for_each(|worker| worker.unpark());
        drop(state);
        self.room.notify_all();
        if paused {
            self.close_queued();
        }
        !current::is_inside(self.id) && current::blocking(|| self.wait_gone(deadline))
    }

    fn close_queued(&self) {
        for call in self.take_queue() {
            call.lose(TaskError::Closed);
        }
    }

    fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        loop {
            if let Some(worker) = state.leaving.pop() {
                drop(state);
                worker.join();
                state = self.lock();
                state.threads -= 1;
                self.gone.notify_all();
            } else if state.threads == 0 {
                break;
            } else if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                state = self.gone.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                state = self.gone.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(state);
        // Submissions that raced with the close, and were not told yet.
        self.close_queued();
        true
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let state = self.lock();
        let workers = || state.workers.values();
        let in_calls = workers().filter(|worker| worker.depth.load(Ordering::Relaxed) > 0).count();
        let room = state.target.saturating_sub(state.busy);
        let spares = state.parked.len().saturating_sub(room);
        let tombstones = usize::try_from(self.tombstones.0.load(Ordering::Relaxed)).unwrap_or(0);
        PoolStats {
            workers: state.target,
            idle: (state.workers.len() - in_calls).saturating_sub(spares),
            running: in_calls.saturating_sub(state.blocked),
            blocked: state.blocked,
            queued: (state.front.len() + self.receiver.len()).saturating_sub(tombstones),
            finished: state.finished + workers().map(|worker| worker.finished.load(Ordering::Relaxed)).sum::<usize>(),
            panicked: state.panicked + workers().map(|worker| worker.panicked.load(Ordering::Relaxed)).sum::<usize>(),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            spares,
        }
    }
}

//! Permits lent beyond the limit, so every wait ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::graph::look;
use crate::graph::look::View;
use crate::graph::notify;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::ThreadNumber;
use crate::panics::lock;
use crate::sync::Instant;
use crate::sync::at_thread_end;
use crate::sync::thread;
use crate::workers::inner::Inner;
use crate::workers::state::Assignment;
use crate::workers::state::PoolState;
use crate::workers::state::Worker;

// Implementation
//
// A pool of n workers lends the permits of blocked calls to at most `max_blocked` calls that no blocked call needs. At that limit
// a call in the queue does not begin although a permit is free. Nearly always a blocked call will come back. If none does, because
// they wait for what only a call in the queue would do, the pool has to lend one permit more; but to lend is to start a thread, and
// a pool that lends too readily starts as many as it has calls.
//
// So one of the blocked workers is the watcher: it parks with a timeout, and looks along the needs of all blocked calls of the
// pool. If nothing moves there, it lends at once. If a way ends at a promise, which a call of the queue may be about to set, it
// lends when no call of the queue has begun or ended for 5 ms, and if something runs, for 1 s, since a program may have channels
// of its own. Both grow with the permits lent so: after a time t without progress there are about the square root of t of them.
// No thread polls: a pool that is not at its limit has no watcher.

/// How long a queue stands still before a queued call begins, because a blocked call may wait for a promise set by a
/// queued call.
const PROMISED: Duration = Duration::from_millis(5);
/// The same, where the look sees something run.
const MOVES: Duration = Duration::from_secs(1);
/// The number of a thread that watches and runs no calls.
const NO_WORKER: u64 = 0;

impl Inner {
    /// Whether a call of the queue waits for a permit from the watcher.
    fn needs_watch(&self, state: &PoolState) -> bool {
        state.target > 0
            && state.is_permit_free()
            && !state.gone
            && ((state.is_limit_reached() && self.queue.live() > 0)
                || (state.refused && (self.queue.live() > 0 || !state.wanted.is_empty())))
    }

    /// Appoints a watcher if the pool needs one and has none: `blocking`, which is about to park, or another blocked worker. If
    /// all of these are in `block_in_place`, starts a thread.
    pub(crate) fn keep_watch(self: &Arc<Self>, state: &mut PoolState, blocking: Option<&Arc<Worker>>) {
        if state.watcher.is_some() || !self.needs_watch(state) {
            return;
        }
        let mut candidates = blocking.into_iter().chain(state.blocked.iter().rev());
        let watcher = candidates.find(|worker| !worker.away.load(Ordering::Relaxed)).cloned();
        let Some(watcher) = watcher.or_else(|| self.start_watcher(state)) else { return };
        watcher.watches.store(true, Ordering::Release);
        if !blocking.is_some_and(|blocking| Arc::ptr_eq(blocking, &watcher)) {
            watcher.unpark();
        }
        if state.since.is_none() {
            state.since = Some(Instant::now());
            state.progress = state.count_progress();
        }
        state.watcher = Some(watcher);
    }

    /// Starts a thread that watches instead of the workers in `block_in_place`, if there are any.
    fn start_watcher(self: &Arc<Self>, state: &mut PoolState) -> Option<Arc<Worker>> {
        if state.blocked.is_empty() {
            return None;
        }
        let watcher = Worker::new(NO_WORKER);
        let (inner, own) = (self.clone(), watcher.clone());
        let builder = thread::Builder::new().name(format!("{}-watch", self.config.name));
        let started = builder.spawn(move || {
            let (ended, last) = (inner.clone(), own.clone());
            at_thread_end(move || ended.thread_ended(&last));
            drop(own.thread.set(thread::current()));
            // The lock of the pool is free when the watcher is appointed.
            drop(inner.lock());
            while let Some(next) = inner.watch(&own) {
                thread::park_timeout(next.saturating_duration_since(Instant::now()));
            }
        });
        *lock(&watcher.handle) = Some(started.ok()?);
        state.threads += 1;
        Some(watcher)
    }

    /// A worker has its permit again: a thread that watches in the place of workers may have nothing left to do.
    pub(crate) fn relieve_watcher(&self) {
        let state = self.lock();
        if let Some(watcher) = state.watcher.as_ref().filter(|watcher| watcher.number == NO_WORKER) {
            watcher.unpark();
        }
    }

    /// The turn of the watcher: lends a permit if it is time to. Returns when the worker has to look again; `None` if it is not
    /// the watcher, or not any more.
    pub(crate) fn watch(self: &Arc<Self>, worker: &Arc<Worker>) -> Option<Instant> {
        if !worker.watches.load(Ordering::Acquire) {
            return None;
        }
        let (threads, due) = {
            let mut state = self.lock();
            if !self.needs_watch(&state) {
                worker.watches.store(false, Ordering::Relaxed);
                state.watcher = None;
                state.since = None;
                // A submission that saw a watcher has come in before the look of this thread, or sees none.
                self.publish(&state);
                self.keep_watch(&mut state, Some(worker));
                return worker.watches.load(Ordering::Relaxed).then(|| Instant::now() + PROMISED);
            }
            let now = Instant::now();
            let progress = state.count_progress();
            if state.progress != progress || state.since.is_none() {
                state.progress = progress;
                state.since = Some(now);
            }
            let since = state.since.unwrap_or(now);
            let due = since + PROMISED * times(state.beyond);
            if now < due && !crate::graph::blocked::is_any_held_up() {
                return Some(due);
            }
            (blocked_threads(&state), due)
        };
        let view = look::view(threads);
        let state = self.lock();
        let since = state.since?;
        let (due, next) = match view {
            View::Stuck => (since, due),
            View::Promised => (due, due),
            // Looks again at growing intervals: what runs now may come to wait for a promise.
            View::Moves => (since + MOVES * times(state.beyond), Instant::now() + since.elapsed().max(PROMISED)),
        };
        drop(state);
        if Instant::now() < due {
            return Some(next.min(due));
        }
        self.lend_beyond(view);
        Some(Instant::now() + PROMISED)
    }

    /// Lends a permit at once if no blocked call of this pool can go on otherwise.
    pub(crate) fn lend_if_stuck(self: &Arc<Self>) {
        let threads = {
            let state = self.lock();
            if !self.needs_watch(&state) {
                return;
            }
            blocked_threads(&state)
        };
        if look::view(threads) == View::Stuck {
            self.lend_beyond(View::Stuck);
        }
    }

    /// Has a call of the queue begin beyond the limit.
    fn lend_beyond(self: &Arc<Self>, view: View) {
        let mut state = self.lock();
        if !self.needs_watch(&state) {
            return;
        }
        state.since = Some(Instant::now());
        let assignment = if let Some(wanted) = state.next_wanted() {
            wanted
        } else if state.is_vacant() {
            Assignment::Search
        } else {
            Assignment::Beyond
        };
        if let Err(error) = self.place(state, assignment) {
            self.give_up_one(view, &error);
        }
    }

    /// Gives up a call after the system refused a thread, if no running call can end a wait: waits of blocked workers
    /// for a thread end, or else the first call of the queue ends. Such an end may end the waits of other calls too.
    fn give_up_one(&self, view: View, error: &io::Error) {
        let starved = {
            let mut state = self.lock();
            if view == View::Moves || state.busy > 0 {
                return;
            }
            std::mem::take(&mut state.wanted)
        };
        if starved.is_empty() {
            let mut found = false;
            let first = |job: &dyn Job| {
                let is_first = !found && job.is_queued();
                found |= is_first;
                is_first
            };
            notify::look_after(|| self.lose_queued(Self::refused(error), first));
        } else {
            starved.iter().filter_map(|(agenda, _)| agenda.upgrade()).for_each(|agenda| agenda.starve());
        }
    }

    /// Whether an existing thread will come for the calls needed by `worker`, although the system refused a new thread:
    /// a running thread, or a thread whose own wait can end.
    pub(crate) fn will_serve(&self, worker: &Worker) -> bool {
        let others: Vec<_> = {
            let state = self.lock();
            if state.busy > 0 {
                return true;
            }
            let others = state.blocked.iter().filter(|other| other.number != worker.number);
            others.filter_map(|other| other.number_of_thread()).collect()
        };
        !others.is_empty() && look::view(others) != View::Stuck
    }

    /// Serves the agenda of a blocked worker of another pool, now if a permit is free, or when one comes free.
    pub(crate) fn serve_other(self: &Arc<Self>, agenda: &Arc<dyn Helper>) {
        if self.config.dedicated_threads {
            return;
        }
        let mut state = self.lock();
        if state.wanted_by_others.len() == state.wanted_by_others.capacity() {
            state.wanted_by_others.retain(|(agenda, _)| agenda.strong_count() > 0);
        }
        state.wanted_by_others.push((Arc::downgrade(agenda), None));
        if !state.is_permit_free() || !state.is_limit_reached() || state.gone {
            return;
        }
        if let Some(wanted) = state.next_wanted() {
            // If the thread is refused, the agenda waits for one that comes back.
            drop(self.place(state, wanted));
        }
    }
}

fn times(beyond: usize) -> u32 {
    u32::try_from(beyond).unwrap_or(u32::MAX).saturating_add(1)
}

fn blocked_threads(state: &PoolState) -> Vec<ThreadNumber> {
    state.blocked.iter().filter_map(|worker| worker.number_of_thread()).collect()
}

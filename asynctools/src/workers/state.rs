//! The state of a pool and the threads that take them: what the protocol in `inner.rs` works on.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::graph::agenda::Agenda;
use crate::graph::traits::Call;
use crate::panics::lock;
use crate::sync::AtomicU8;
use crate::sync::AtomicUsize;
use crate::sync::JoinHandle;
use crate::sync::Mutex;
use crate::sync::OnceLock;
use crate::sync::Thread;
use crate::sync::thread;

pub(crate) const CLOSED: u8 = 1;
/// `busy < target`: a submission has to see to it that somebody takes it.
pub(crate) const VACANT: u8 = 2;
/// `busy > target`: a worker has to stand down.
pub(crate) const OVER: u8 = 4;
/// The calls in `front` come first.
pub(crate) const FRONT: u8 = 8;
/// The queue has a limit.
pub(crate) const BOUND: u8 = 16;
/// Closed, and the last worker has left.
pub(crate) const GONE: u8 = 32;

/// Alone in its cache lines, since the others of the pool are written all the time.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

#[derive(Default)]
pub(crate) struct PoolState {
    pub(crate) target: usize,
    /// PoolState taken: workers that run a call or look for one.
    pub(crate) busy: usize,
    /// Workers in a wait, without a place.
    pub(crate) blocked: usize,
    /// Workers with nothing to do, without a place, the coldest first.
    pub(crate) parked: Vec<Arc<Worker>>,
    /// All workers, by number.
    pub(crate) workers: HashMap<u64, Arc<Worker>>,
    pub(crate) next_number: u64,
    /// Threads that were started and not seen to end.
    pub(crate) threads: usize,
    /// Threads of a closed pool that are about to end, for whoever waits for that.
    pub(crate) leaving: Vec<Arc<Worker>>,
    /// Calls that come before those in the channel: taken out of it and given back.
    pub(crate) front: VecDeque<Arc<dyn Call>>,
    /// Of a bounded queue: calls that were taken in, have not ended, and are not blocked. Below zero for a moment when one
    /// that waited for its arguments ends before it is counted.
    pub(crate) outstanding: isize,
    pub(crate) closed: bool,
    pub(crate) gone: bool,
    /// The counts of workers that have left, and of calls that ran elsewhere.
    pub(crate) finished: usize,
    pub(crate) panicked: usize,
}

/// One thread of a pool.
pub(crate) struct Worker {
    pub(crate) number: u64,
    pub(crate) thread: OnceLock<Thread>,
    pub(crate) handle: Mutex<Option<JoinHandle<()>>>,
    /// Written under the lock of the state.
    pub(crate) mode: AtomicU8,
    pub(crate) agenda: Mutex<Option<Arc<Agenda>>>,
    /// Calls on its stack, the ended ones, and those of them that panicked: written by its thread only.
    pub(crate) depth: AtomicUsize,
    pub(crate) finished: AtomicUsize,
    pub(crate) panicked: AtomicUsize,
}

/// Holds a place.
pub(crate) const ACTIVE: u8 = 0;
/// In a wait for a call: whoever ends that, even late, may give the place back, since the waiter looks again.
pub(crate) const BLOCKED: u8 = 1;
/// Nothing to do.
pub(crate) const PARKED: u8 = 2;
/// Blocked on something that is not a call: only the thread itself takes its place again.
pub(crate) const AWAY: u8 = 3;

impl Worker {
    pub(crate) fn is_active(&self) -> bool {
        self.mode.load(Ordering::Acquire) == ACTIVE
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.mode.load(Ordering::Acquire) == BLOCKED
    }

    /// Whether only the destructors of its thread-locals may still run.
    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.handle).as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Waits for a thread that has left. Its starter may not have put its handle down yet.
    pub(crate) fn join(&self) {
        loop {
            let handle = lock(&self.handle).take();
            match handle {
                Some(handle) => return drop(handle.join()),
                None => thread::yield_now(),
            }
        }
    }

    pub(crate) fn take_errand(&self) -> Option<Arc<Agenda>> {
        lock(&self.agenda).take()
    }

    pub(crate) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// Adds to a counter that only this thread writes.
pub(crate) fn bump(counter: &AtomicUsize, by: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

//! The shared state of a pool's threads under the lock of the pool: permits, blocked workers, waiting threads.

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::graph::traits::Helper;
use crate::graph::traits::ThreadNumber;
use crate::panics::lock;
use crate::sync::AtomicBool;
use crate::sync::AtomicU8;
use crate::sync::AtomicUsize;
use crate::sync::Instant;
use crate::sync::JoinHandle;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::sync::OnceLock;
use crate::sync::Thread;
use crate::sync::fence;
use crate::sync::thread;
use crate::workers::bound::Bound;

pub(crate) const CLOSED: u8 = 1;
/// A call of the queue may begin: a submission has to find a thread for the call.
pub(crate) const VACANT: u8 = 2;
/// Too many permits are out: a worker has to stand aside.
pub(crate) const OVER: u8 = 4;
/// The queue has a limit.
pub(crate) const BOUND: u8 = 8;
/// Closed, and nothing of the pool runs any more.
pub(crate) const GONE: u8 = 16;
/// A permit is free, the limit of lent permits is reached, and the queue has no watcher.
pub(crate) const UNWATCHED: u8 = 32;
/// A blocked worker of this pool needs calls, and found no permit for a thread to run these calls.
pub(crate) const WANTED: u8 = 64;
/// A thread waits until the pool has nothing to do.
pub(crate) const IDLERS: u8 = 128;

/// The shared state of a pool's threads.
#[derive(Default)]
pub(crate) struct PoolState {
    pub(crate) target: usize,
    /// How many permits may be lent to calls without a blocked waiter; `None`: as many as the pool has workers.
    pub(crate) max_blocked: Option<usize>,
    /// Permits taken: workers with a call, or in search of a call.
    pub(crate) busy: usize,
    /// Workers whose lowest call came from the queue in its turn, and workers in search of such a call; blocked workers
    /// included.
    pub(crate) ordinary: usize,
    /// Workers with a call of the queue beyond the limit.
    pub(crate) beyond: usize,
    /// Workers in a wait, without a permit, the last one to block at the end.
    pub(crate) blocked: Vec<Arc<Worker>>,
    /// Workers with nothing to do, without a permit, the coldest first.
    pub(crate) parked: Vec<Arc<Worker>>,
    /// All workers, by number.
    pub(crate) workers: HashMap<u64, Arc<Worker>>,
    pub(crate) next_number: u64,
    /// Threads started and not joined.
    pub(crate) threads: usize,
    /// Threads of other pools, or of no pool, with a call of this pool.
    pub(crate) guests: Vec<ThreadNumber>,
    /// Ended threads, to be joined.
    pub(crate) ended: Vec<Arc<Worker>>,
    pub(crate) closers: Vec<Arc<Closer>>,
    /// Threads in `wait_idle`.
    pub(crate) idlers: Vec<Arc<Closer>>,
    /// How often a thread got a permit, or a caller a call of its own to run: between two looks with the same number, a quiet pool
    /// stayed quiet.
    pub(crate) starts: u64,
    pub(crate) bound: Option<Bound>,
    /// Agendas of blocked workers of this pool, without a permit so far.
    pub(crate) wanted: Vec<Wanted>,
    /// Agendas of blocked workers of other pools, served when the limit of lent permits is reached.
    pub(crate) wanted_by_others: Vec<Wanted>,
    /// The blocked worker in charge of the queue.
    pub(crate) watcher: Option<Arc<Worker>>,
    /// The last thread to be started was refused by the system.
    pub(crate) refused: bool,
    /// When a call of the queue was last seen to begin or end, and how many had.
    pub(crate) since: Option<Instant>,
    pub(crate) progress: usize,
    pub(crate) closed: bool,
    pub(crate) gone: bool,
    /// The counts of ended workers, and of calls run elsewhere.
    pub(crate) finished: usize,
    pub(crate) panicked: usize,
}

impl PoolState {
    /// How many ordinary workers there may be, the blocked ones included.
    pub(crate) fn limit(&self) -> usize {
        self.target.saturating_add(self.max_blocked.unwrap_or(self.target))
    }

    pub(crate) fn is_permit_free(&self) -> bool {
        self.busy < self.target
    }

    /// Whether a call of the queue may begin in its turn.
    pub(crate) fn is_vacant(&self) -> bool {
        self.is_permit_free() && self.ordinary < self.limit()
    }

    /// Whether as many calls have begun as may, blocked ones included.
    pub(crate) fn is_limit_reached(&self) -> bool {
        self.ordinary >= self.limit()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.busy > self.target || self.ordinary > self.limit()
    }

    /// The number of calls which have begun or may begin at once.
    pub(crate) fn capacity(&self) -> usize {
        self.target.max(self.busy.min(self.target) + self.blocked.len())
    }

    pub(crate) fn flags(&self) -> u8 {
        let flag = |flag, condition| if condition { flag } else { 0 };
        flag(CLOSED, self.closed)
            | flag(VACANT, self.is_vacant())
            | flag(OVER, self.is_over())
            | flag(BOUND, self.bound.is_some())
            | flag(GONE, self.gone)
            | flag(UNWATCHED, self.is_permit_free() && self.is_limit_reached() && self.watcher.is_none())
            | flag(WANTED, !self.wanted.is_empty())
            | flag(IDLERS, !self.idlers.is_empty())
    }

    /// Counts a thread with a new permit.
    pub(crate) fn take_permit(&mut self) {
        self.busy += 1;
        self.starts += 1;
    }

    /// Counts a caller who runs a call.
    pub(crate) fn take_guest(&mut self, guest: ThreadNumber) {
        self.guests.push(guest);
        self.starts += 1;
    }

    /// Counts out a caller who has run a call, or found the call taken.
    pub(crate) fn remove_guest(&mut self, guest: ThreadNumber) {
        if let Some(at) = self.guests.iter().rposition(|other| *other == guest) {
            self.guests.swap_remove(at);
        }
        self.update_gone();
        if self.guests.is_empty() {
            self.tell_closers();
        }
    }

    /// Whether no thread runs a call of the pool, looks for one, or is blocked in one.
    pub(crate) fn is_quiet(&self) -> bool {
        self.busy == 0 && self.blocked.is_empty() && self.guests.is_empty()
    }

    /// Returns the assignment to see to an agenda without a thread. The caller must take the assignment.
    pub(crate) fn next_wanted(&mut self) -> Option<Assignment> {
        let wanted = first_wanted(&mut self.wanted);
        if wanted.is_some() || !self.is_limit_reached() {
            return wanted;
        }
        first_wanted(&mut self.wanted_by_others)
    }

    /// Passes room on to blocked submissions.
    fn grant_room(&mut self) {
        let capacity = self.capacity();
        if let Some(bound) = &mut self.bound {
            bound.grant(capacity);
        }
    }

    pub(crate) fn remove_blocked(&mut self, worker: &Worker) {
        if let Some(at) = self.blocked.iter().rposition(|blocked| std::ptr::eq(&raw const **blocked, worker)) {
            self.blocked.remove(at);
        }
    }

    /// Counts the begins and ends of calls of the queue.
    pub(crate) fn count_progress(&self) -> usize {
        self.finished + self.workers.values().map(|worker| worker.progress.load(Ordering::Relaxed)).sum::<usize>()
    }

    /// Updates `gone`.
    pub(crate) fn update_gone(&mut self) {
        self.gone = self.closed && self.workers.is_empty() && self.guests.is_empty();
    }

    /// Has the threads in `close` look again.
    pub(crate) fn tell_closers(&self) {
        self.closers.iter().for_each(|closer| closer.tell(Closer::LOOK));
    }
}

/// An agenda without a thread so far, and its owner if the owner's wait has a deadline.
pub(crate) type Wanted = (Weak<dyn Helper>, Option<Arc<Worker>>);

fn first_wanted(wanted: &mut Vec<Wanted>) -> Option<Assignment> {
    let mut first = None;
    // An agenda that needs no thread now asks again when it does.
    wanted.retain(|(agenda, waiter)| {
        if first.is_some() {
            return true;
        }
        if let Some(agenda) = agenda.upgrade().filter(|agenda| agenda.attend()) {
            first = Some(Assignment::Help(agenda, waiter.clone()));
        }
        false
    });
    first
}

/// The state of a pool under its lock. The drop passes room on, whatever has made it, and updates the flags, for reads without the
/// lock.
pub(crate) struct Locked<'a> {
    state: MutexGuard<'a, PoolState>,
    flags: &'a AtomicU8,
}

/// Updates the flags, for reads without the lock.
pub(crate) fn publish(state: &PoolState, flags: &AtomicU8) {
    let new = state.flags();
    if flags.load(Ordering::Relaxed) != new {
        flags.store(new, Ordering::SeqCst);
    }
    // A worker that parks stores the flags and then looks into the queue; a submission stores into the queue and then reads
    // the flags. This fence, and the one there, make one of them see the other.
    fence(Ordering::SeqCst);
}

impl<'a> Locked<'a> {
    pub(crate) fn new(state: &'a Mutex<PoolState>, flags: &'a AtomicU8) -> Self {
        Self { state: lock(state), flags }
    }
}

impl Deref for Locked<'_> {
    type Target = PoolState;

    fn deref(&self) -> &PoolState {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut PoolState {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.state.grant_room();
        publish(&self.state, self.flags);
    }
}

/// A thread in `close`, or in `wait_idle`.
pub(crate) struct Closer {
    pub(crate) number: ThreadNumber,
    thread: Thread,
    told: AtomicU8,
}

impl Closer {
    /// Something has ended: the closer looks again. The pool of an idler was idle.
    pub(crate) const LOOK: u8 = 1;
    /// The pool cannot end before the closer's own call does: the closer returns.
    pub(crate) const RETURN: u8 = 2;

    pub(crate) fn new(number: ThreadNumber) -> Arc<Self> {
        Arc::new(Self { number, thread: thread::current(), told: AtomicU8::new(0) })
    }

    pub(crate) fn tell(&self, what: u8) {
        self.told.fetch_max(what, Ordering::AcqRel);
        self.thread.unpark();
    }

    pub(crate) fn is_told(&self) -> bool {
        self.told.load(Ordering::Acquire) != 0
    }

    /// Whether the closer has to return. Otherwise the closer looks again.
    pub(crate) fn must_return(&self) -> bool {
        self.told.compare_exchange(Self::LOOK, 0, Ordering::AcqRel, Ordering::Acquire) == Err(Self::RETURN)
    }
}

/// A thread of a pool.
pub(crate) struct Worker {
    pub(crate) number: u64,
    pub(crate) thread: OnceLock<Thread>,
    pub(crate) thread_number: AtomicU64,
    pub(crate) handle: Mutex<Option<JoinHandle<()>>>,
    /// Written under the lock of the pool.
    pub(crate) mode: AtomicU8,
    pub(crate) assignment: Mutex<Option<Assignment>>,
    /// Threads with calls for a timed wait of this worker, ended waits included.
    pub(crate) timed: AtomicUsize,
    /// Whether this worker is, or has just become, the watcher.
    pub(crate) watches: AtomicBool,
    /// Whether the worker is in `block_in_place`, without a permit: such a worker cannot watch.
    pub(crate) away: AtomicBool,
    /// Whether the parked worker leaves as a spare does.
    pub(crate) leaves_soon: AtomicBool,
    /// Four counts, written by the worker's own thread only: calls on the stack, ended calls, panicked calls, and
    /// begins and ends of calls of the queue.
    pub(crate) depth: AtomicUsize,
    pub(crate) finished: AtomicUsize,
    pub(crate) panicked: AtomicUsize,
    pub(crate) progress: AtomicUsize,
}

/// The first task of a worker with a new permit.
pub(crate) enum Assignment {
    /// Takes the next call of the queue.
    Search,
    /// Runs the calls needed by a blocked worker. If the wait has a deadline, the blocked worker counts this thread.
    Help(Arc<dyn Helper>, Option<Arc<Worker>>),
    /// Runs a call of the queue beyond the limit.
    Beyond,
}

/// Holds a permit.
pub(crate) const ACTIVE: u8 = 0;
/// In a wait for a call: the thread which ends the call, even late, may give the permit back, since the waiter looks
/// again.
pub(crate) const BLOCKED: u8 = 1;
/// Nothing to do.
pub(crate) const PARKED: u8 = 2;
/// Blocked on a pool, or in `block_in_place`: only the thread itself takes its permit again.
pub(crate) const HELD_UP: u8 = 3;

impl Worker {
    pub(crate) fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            thread: OnceLock::new(),
            thread_number: AtomicU64::new(0),
            handle: Mutex::default(),
            mode: AtomicU8::new(ACTIVE),
            assignment: Mutex::default(),
            timed: AtomicUsize::new(0),
            watches: AtomicBool::new(false),
            away: AtomicBool::new(false),
            leaves_soon: AtomicBool::new(false),
            depth: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            panicked: AtomicUsize::new(0),
            progress: AtomicUsize::new(0),
        })
    }

    pub(crate) fn is_active(&self) -> bool {
        self.mode.load(Ordering::Acquire) == ACTIVE
    }

    /// Whether the worker has given up its permit in a wait of any kind.
    pub(crate) fn is_in_wait(&self) -> bool {
        matches!(self.mode.load(Ordering::Acquire), BLOCKED | HELD_UP)
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.mode.load(Ordering::Acquire) == BLOCKED
    }

    /// Joins an ended thread. The starter may not have stored the handle yet.
    pub(crate) fn join(&self) {
        loop {
            let handle = lock(&self.handle).take();
            match handle {
                Some(handle) => return drop(handle.join()),
                None => thread::yield_now(),
            }
        }
    }

    pub(crate) fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn number_of_thread(&self) -> Option<ThreadNumber> {
        let number = self.thread_number.load(Ordering::Acquire);
        (number != 0).then_some(ThreadNumber(number))
    }
}

/// Adds to a counter written by this thread only.
pub(crate) fn bump(counter: &AtomicUsize, by: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

/// Returns a copy of the error.
pub(crate) fn same(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

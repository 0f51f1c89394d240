//! Tells waiters of an end: without recursion, and without user code where somebody else waits.

use std::cell::Cell;
use std::cell::RefCell;
use std::iter;
use std::mem::ManuallyDrop;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Waker;

use crate::graph::blocked::this_thread;
use crate::graph::few::Few;
use crate::graph::later::Later;
use crate::graph::later::wake_here;
use crate::graph::registry;
use crate::graph::traits::Aftermath;
use crate::graph::traits::Dependant;
use crate::graph::traits::Ending;
use crate::graph::traits::Job;
use crate::graph::traits::JobRef;
use crate::graph::traits::Maker;
use crate::graph::traits::Observer;
use crate::graph::traits::Place;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::graph::traits::Standing;
use crate::graph::traits::Tried;
use crate::graph::traits::Waiter;
use crate::panics::discard;
use crate::panics::discard_all;
use crate::panics::survive;
use crate::sync::thread;
use crate::sync::thread_local;

// Implementation
//
// An end makes dependants ready, or ends them in turn, and so on through a graph of any depth. So arrivals go to a list that the
// outermost end on this thread empties. To take in an arrival runs no user code: a dependant that a loss has stopped, whose end
// runs a `From` and the `Drop`s of its other arguments, goes to a second list.
//
// A worker whose call has ended runs a call of its pool that this end made ready next, without the queue, if that is the last
// arrival (as tokio's LIFO slot does). Nothing else may run between: what a user's code there waits for may be this very call.
// So the worker offers its slot only where the end leaves nothing else to do.
//
// User code runs last, and only if no wait stands below on this stack. The thread in a wait may hold locks of the user;
// what runs there could want them, or wait itself, and so on without end. There the stopped call goes to the queue of its pool,
// for a worker that has no user's frame below; wakers go to the default pool.

struct Worklist {
    open: Few<Arrival>,
    stopped: Few<Arc<dyn Job>>,
    /// Calls that this thread runs, in serial mode, when there is nothing to pass on.
    ready: Few<Ready>,
    draining: bool,
}

impl Worklist {
    fn is_empty(&self) -> bool {
        self.open.is_empty() && self.stopped.is_empty() && self.ready.is_empty()
    }
}

/// A call, and which of its arguments has arrived.
type Arrival = (Arc<dyn Dependant>, u32);
type Ready = (Arc<dyn Scheduler>, Arc<dyn Job>, Maker);

thread_local! {
    /// Has no destructor: a promise in a thread-local of the user may end a long chain. The list is empty then, and owns no
    /// memory between two uses.
    static WORKLIST: ManuallyDrop<RefCell<Worklist>> = const {
        ManuallyDrop::new(RefCell::new(Worklist {
            open: Few::new(),
            stopped: Few::new(),
            ready: Few::new(),
            draining: false,
        }))
    };
    /// The pool whose worker this thread is and whose call has just ended here, until user code runs; or none.
    static NEXT_OF: Cell<PoolId> = const { Cell::new(PoolId::NONE) };
    /// The call that the worker runs next. Has no destructor, since the worker takes the call at once.
    static NEXT: ManuallyDrop<Cell<Option<Arc<dyn Job>>>> = const { ManuallyDrop::new(Cell::new(None)) };
    /// The number of waits on the stack of this thread.
    static WAITS: Cell<usize> = const { Cell::new(0) };
    /// The thread looks after a pool, for others, in the middle of a wait of its own.
    static LOOKS_AFTER: Cell<bool> = const { Cell::new(false) };
}

/// Has the current thread, a worker of `pool` whose call is about to end, take a call that the end makes ready.
pub(crate) fn open_next(pool: PoolId) {
    NEXT_OF.with(|next| next.set(pool));
}

/// User code is about to run here: no call may wait for this thread meanwhile.
fn shut_next() {
    NEXT_OF.with(|next| next.set(PoolId::NONE));
}

/// Shuts the slot if user code will run after the end, in the drop of what the call has left behind.
#[inline]
pub(crate) fn shut_next_for(dropped: &[Box<dyn Send>]) {
    if !dropped.is_empty() {
        shut_next();
    }
}

/// Returns the call that the end on this thread has made ready, and shuts the slot.
pub(crate) fn take_next() -> Option<Arc<dyn Job>> {
    shut_next();
    NEXT.with(|next| next.take())
}

/// Offers the current thread a call of `pool` that has become ready. Returns whether the thread runs the call next.
pub(crate) fn offer_next(pool: PoolId, job: JobRef<'_>) -> bool {
    let takes = NEXT_OF.with(Cell::get) == pool
        && WORKLIST.with(|list| {
            let list = list.borrow();
            list.open.is_empty() && list.stopped.is_empty()
        });
    if takes {
        shut_next();
        NEXT.with(|next| next.set(Some(job())));
    }
    takes
}

/// Counts a wait of the current thread, until the drop. Calls run inside the wait run no user code of other calls.
pub(crate) struct InWait(());

pub(crate) fn in_wait() -> InWait {
    WAITS.with(|waits| waits.set(waits.get() + 1));
    InWait(())
}

impl Drop for InWait {
    fn drop(&mut self) {
        WAITS.with(|waits| waits.set(waits.get() - 1));
    }
}

/// Runs `f`, which looks after a pool while the current thread is blocked or about to block: no user code runs on the thread.
pub(crate) fn look_after<R>(f: impl FnOnce() -> R) -> R {
    let _waits = in_wait();
    let outer = LOOKS_AFTER.with(|looks| looks.replace(true));
    let result = f();
    LOOKS_AFTER.with(|looks| looks.set(outer));
    // An outer frame of this thread may hold the list, and the thread is about to block.
    before_blocking();
    result
}

/// Whether the current thread may run user code: not while it looks after a pool for others.
pub(crate) fn runs_user_code() -> bool {
    !LOOKS_AFTER.with(Cell::get)
}

fn is_in_wait() -> bool {
    WAITS.with(Cell::get) > 0
}

/// Tells `waiter` of an end; leaves the user's code (wakers, drops) for [`settle`].
pub(crate) fn tell(waiter: Waiter, aftermath: &mut Aftermath) {
    match waiter {
        Waiter::Thread(thread) => thread.unpark(),
        Waiter::Worker(worker) => worker.wake(),
        Waiter::Task(waker) => aftermath.wakers.push(waker),
        Waiter::Dependant(dependant, index) => {
            WORKLIST.with(|list| list.borrow_mut().open.push_back((dependant, index)));
        }
        Waiter::Helper(_) => {}
    }
}

/// Tells all of `waiters` of an end.
pub(crate) fn tell_all(waiters: Few<Waiter>) {
    in_phases(|aftermath| waiters.for_each(|waiter| tell(waiter, aftermath)));
}

/// Tells the only waiter of an end.
pub(crate) fn tell_one(waiter: Waiter) {
    match waiter {
        Waiter::Thread(thread) => thread.unpark(),
        Waiter::Dependant(dependant, index) => arrive(dependant, index),
        waiter => in_phases(|aftermath| tell(waiter, aftermath)),
    }
}

/// Tells `dependant` that one of its arguments has arrived.
pub(crate) fn arrive(dependant: Arc<dyn Dependant>, index: u32) {
    let draining = WORKLIST.with(|list| {
        let mut list = list.borrow_mut();
        list.open.push_back((dependant, index));
        Draining::begin_in(&mut list)
    });
    draining.pass_on();
}

/// Runs `store`, which stores ends, and then does the rest of these ends.
pub(crate) fn in_phases(store: impl FnOnce(&mut Aftermath)) {
    let mut aftermath = Aftermath::default();
    let draining = Draining::begin();
    store(&mut aftermath);
    draining.settle(aftermath);
}

/// Holds back effects until the drop, and then until [`settle`]. User code runs meanwhile, so the slot is shut.
pub(crate) struct Hold(Draining, PoolId);

pub(crate) fn hold() -> Hold {
    Hold(Draining::begin(), NEXT_OF.with(|next| next.replace(PoolId::NONE)))
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0 == Draining::Here {
            WORKLIST.with(|list| list.borrow_mut().draining = false);
        }
        NEXT_OF.with(|next| next.set(self.1));
    }
}

/// Does the rest after ends were stored: passes the ends on to dependants, wakes tasks, ends stopped calls, and drops
/// unwanted values. Inside of an outer `settle` of the same thread, the outer `settle` passes on.
pub(crate) fn settle(aftermath: Aftermath) {
    Draining::begin().settle(aftermath);
}

/// Which frame of this thread passes on what is in the lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draining {
    Here,
    /// An outer frame.
    Outer,
}

impl Draining {
    pub(crate) fn begin() -> Self {
        WORKLIST.with(|list| Self::begin_in(&mut list.borrow_mut()))
    }

    #[inline]
    fn begin_in(list: &mut Worklist) -> Self {
        if std::mem::replace(&mut list.draining, true) { Self::Outer } else { Self::Here }
    }

    #[inline]
    pub(crate) fn settle(self, aftermath: Aftermath) {
        // Most ends leave nothing else to do.
        if aftermath.is_empty() { self.pass_on() } else { self.settle_all(aftermath) }
    }

    fn pass_on(self) {
        if self == Self::Here {
            pass_on();
            end_stopped();
        }
    }

    fn settle_all(self, mut aftermath: Aftermath) {
        shut_next();
        if LOOKS_AFTER.with(Cell::get) {
            end_soon(Later::new(std::mem::take(&mut aftermath)));
        }
        if self == Self::Here {
            pass_on();
        }
        let has_woken = !aftermath.wakers.is_empty();
        wake(aftermath.wakers);
        if self == Self::Here {
            // Wakers may have ended other calls.
            if has_woken {
                pass_on();
            }
            end_stopped();
        }
        discard_all(aftermath.dropped);
    }
}

/// Ends the stopped calls of the list, and passes on what follows, until nothing is left.
fn end_stopped() {
    loop {
        let next = WORKLIST.with(|list| {
            let mut list = list.borrow_mut();
            let next = list.stopped.pop_front();
            if next.is_none() {
                list.draining = false;
                // An idle thread owns no memory for it.
                list.open.release();
                list.stopped.release();
                list.ready.release();
            }
            next
        });
        let Some(job) = next else { return };
        if is_in_wait() {
            hand_over(job);
        } else {
            end(job);
        }
        pass_on();
    }
}

/// Empties the list of arrivals. Runs no user code, but in serial mode the calls that are ready.
fn pass_on() {
    loop {
        while let Some((dependant, index)) = WORKLIST.with(|list| list.borrow_mut().open.pop_front()) {
            // A value that is dropped with a dependant may be a user's.
            let stopped = catch_unwind(AssertUnwindSafe(|| dependant.arrived(index)));
            if let Some(job) = stopped.map_err(discard).ok().flatten() {
                end_soon(job);
            }
        }
        let Some((pool, job, maker)) = WORKLIST.with(|list| list.borrow_mut().ready.pop_front()) else { return };
        pool.run_ready(job, maker);
    }
}

/// Has this thread run a call whose last argument has come, in serial mode: now, or when the outermost end on this thread is
/// passed on. Gives the call back where no user code runs.
pub(crate) fn run_serially(ready: Ready) -> Option<Ready> {
    if LOOKS_AFTER.with(Cell::get) {
        return Some(ready);
    }
    let now = WORKLIST.with(|list| {
        let mut list = list.borrow_mut();
        if !list.draining {
            return Some(ready);
        }
        list.ready.push_back(ready);
        None
    });
    if let Some((pool, job, maker)) = now {
        pool.run_ready(job, maker);
    }
    None
}

/// Passes all ends on before the current thread blocks: the awaited call may be in the lists of outer frames of the
/// same thread.
pub(crate) fn before_blocking() {
    let is_empty = WORKLIST.with(|list| list.borrow().is_empty());
    if is_empty {
        return;
    }
    let _waits = in_wait();
    let _held = hold();
    loop {
        pass_on();
        let Some(job) = WORKLIST.with(|list| list.borrow_mut().stopped.pop_front()) else { break };
        hand_over(job);
    }
}

fn wake(wakers: Vec<Waker>) {
    if wakers.is_empty() {
        return;
    }
    if is_in_wait() {
        return hand_over(Later::wakes(wakers));
    }
    wake_here(wakers);
}

/// Ends a stopped call without a pool to count the call.
struct Unobserved;

impl Observer for Unobserved {
    fn began(&self, _place: Place) {}

    fn ended(&self, _ending: Ending, _place: Place) {}
}

/// Ends a stopped call on this thread.
pub(crate) fn end(job: Arc<dyn Job>) {
    survive(|| {
        job.run(&Unobserved);
    });
}

/// Has this thread end a stopped call, which was taken out of a queue, in the next [`settle`]. Returns `false` if another thread
/// has taken the call.
pub(crate) fn take_back(job: Arc<dyn Job>) -> bool {
    let tried = if job.stopped() == Some(Standing::Queue) { Tried::Own } else { Tried::Both };
    let is_stopped = job.clone().stand(Standing::Thread(this_thread(), tried));
    if is_stopped {
        end_soon(job);
    }
    is_stopped
}

fn end_soon(job: Arc<dyn Job>) {
    WORKLIST.with(|list| list.borrow_mut().stopped.push_back(job));
}

/// Has a call ended by a thread without a user's frame below, because the end runs user code. The call goes to its own pool, or
/// else to the default pool; a call that has come back from a queue goes one step further.
fn hand_over(job: Arc<dyn Job>) {
    let Some(Standing::Thread(_, tried)) = job.stopped() else { return };
    let own = registry::find(job.pool()).filter(|_| tried == Tried::Nothing);
    // Only where the call's own pool has refused it, since the first who asks makes the default pool.
    let default = iter::once(()).filter(|()| tried != Tried::Both).filter_map(|()| registry::default_pool());
    let pools = own.map(|own| (own, Standing::Queue)).into_iter();
    let mut pools = pools.chain(default.map(|default| (default, Standing::DefaultQueue)));
    if pools.any(|(pool, place)| pool.schedule_end(job.clone(), place)) {
        return;
    }
    // Both are closed or paused. If the system refuses a thread too, there is nowhere else.
    let other = job.clone();
    let started = thread::Builder::new().name("asynctools-end".to_owned()).spawn(move || end(other));
    if started.is_err() {
        end(job);
    }
}

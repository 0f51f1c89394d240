//! The ground floor of the graph: what a call, a pool and a waiting thread are to each other, without their types.
//!
//! Everything here is handed *down*: `value` wakes waiters and passes results on without knowing what a worker, a pool or
//! a dependant call does with it.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::Weak;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::task::Waker;

use crate::error::TaskError;
use crate::error::discard;
use crate::site::CallSite;
use crate::sync::Instant;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::sync::Thread;
use crate::sync::thread_local;

/// Locks one of our mutexes. No user code runs under them, so a poisoned one still holds what it should.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pool, by number: a call remembers where it belongs without a contended reference count. 0 is no pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct HomeId(u32);

impl HomeId {
    pub(crate) const NONE: Self = Self(0);
}

/// A pool, as the calls of the graph see it.
pub(crate) trait Home: Send + Sync {
    fn id(&self) -> HomeId;

    /// Takes a call whose last argument has arrived. `inside`: it was made by a call of this pool. `at_call`: all was there
    /// when it was made, so that its caller may be held up by a full queue.
    fn admit(self: Arc<Self>, call: Arc<dyn Call>, inside: bool, at_call: bool);

    /// A call of this pool ended unrun; `queued`: its shell stands in the queue still.
    fn withdrawn(&self, queued: bool, cancelled: bool);
}

static HOMES: LazyLock<RwLock<HashMap<HomeId, Weak<dyn Home>>>> = LazyLock::new(RwLock::default);
static NEXT_HOME: AtomicU32 = AtomicU32::new(1);

/// A number that no pool had before.
pub(crate) fn new_home_id() -> HomeId {
    HomeId(NEXT_HOME.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn register_home(id: HomeId, home: Weak<dyn Home>) {
    HOMES.write().unwrap_or_else(PoisonError::into_inner).insert(id, home);
}

pub(crate) fn forget_home(id: HomeId) {
    HOMES.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
}

/// The pool with that number, if it is still there.
pub(crate) fn find_home(id: HomeId) -> Option<Arc<dyn Home>> {
    HOMES.read().unwrap_or_else(PoisonError::into_inner).get(&id)?.upgrade()
}

/// A call, without the type of its result.
pub(crate) trait Call: Send + Sync {
    fn is_done(&self) -> bool;
    fn home(&self) -> HomeId;
    fn site(&self) -> CallSite;
    fn is_queued(&self) -> bool;

    /// Runs the call if it stands in a queue and nobody was faster.
    fn run(self: Arc<Self>, runner: &dyn Runner) -> bool;

    /// Ends the call with `error` if it has not started.
    fn lose(&self, error: TaskError) -> bool;

    /// What a waiting worker could do for this call. Of a call that waits for arguments, the calls that it needs are added
    /// to `needs`, and `help` is told as soon as it has them all.
    fn survey(&self, help: Option<&Arc<Help>>, needs: &mut Vec<Arc<dyn Call>>) -> Survey;

    /// Tells `waiter` when the call has ended; gives it back if it has already.
    fn enlist(&self, waiter: Waiter) -> Option<Waiter>;

    /// Forgets the waiters that `which` finds.
    fn delist(&self, which: &dyn Fn(&Waiter) -> bool);
}

/// What [`Call::survey`] found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survey {
    /// Ended, or somebody runs it.
    Underway,
    /// Anybody of its pool may run it.
    Queued,
    /// Arguments are missing.
    Waiting,
}

/// Who runs a call, and keeps count. Both are told before anybody can see that the call has ended.
pub(crate) trait Runner {
    fn began(&self);
    fn ended(&self, panicked: bool);
}

/// Whoever is told of the end of a call. Fired only when no lock is held: wakers are a user's code.
pub(crate) enum Waiter {
    /// A thread that does not belong to a pool.
    Thread(Thread),
    /// A worker that gave up its place.
    Worker(Arc<dyn Parked>),
    /// A task of some executor.
    Task(Waker),
    /// A call that has this one as its argument with that number.
    Next(Arc<dyn Next>, u32),
    /// A worker that waits for something that needs this call: told when it is ready to run, not when it has ended.
    Help(Arc<Help>),
}

impl Waiter {
    pub(crate) fn fire(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Worker(worker) => worker.nudge(),
            // A waker that panics has its panic shown by the hook; the others must still be woken.
            Self::Task(waker) => {
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake())).map_err(discard);
            }
            Self::Next(next, index) => defer(next, index),
            Self::Help(_) => {}
        }
    }
}

/// A worker in a wait.
pub(crate) trait Parked: Send + Sync {
    /// Gives the worker a place and wakes it, if it is blocked.
    fn nudge(&self);

    fn is_blocked(&self) -> bool;
}

/// A call that waits for arguments.
pub(crate) trait Next: Send + Sync {
    fn arrived(self: Arc<Self>, index: u32);
}

/// What a worker that waits, or a spare in its place, runs next: calls that the awaited one needs, and nothing else.
pub(crate) struct Help {
    owner: Arc<dyn Parked>,
    ready: Mutex<Ready>,
    surveyed: Mutex<Vec<Arc<dyn Call>>>,
}

#[derive(Default)]
struct Ready {
    calls: Vec<Arc<dyn Call>>,
    /// The owner is blocked, and was not woken for a call since.
    asleep: bool,
    /// A spare runs these calls, and will ask for the next one.
    attended: bool,
    over: bool,
}

impl Help {
    pub(crate) fn new(owner: Arc<dyn Parked>) -> Arc<Self> {
        Arc::new(Self { owner, ready: Mutex::default(), surveyed: Mutex::default() })
    }

    /// Whether this belongs to that worker.
    pub(crate) fn is_of(&self, worker: &Arc<dyn Parked>) -> bool {
        Arc::ptr_eq(&self.owner, worker)
    }

    /// Finds what `calls` are or need that a worker of `home` could run, now or as soon as it is ready. Each call's needs are
    /// listed once, so that a chain, a list or a diamond of any size takes linear time.
    pub(crate) fn survey(self: &Arc<Self>, calls: Vec<Arc<dyn Call>>, home: HomeId) {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut waiting = Vec::new();
        let mut open = calls;
        while let Some(call) = open.pop() {
            if call.is_done() || !seen.insert(Arc::as_ptr(&call).cast::<()>().addr()) {
                continue;
            }
            let ours = call.home() == home;
            match call.survey(ours.then_some(self), &mut open) {
                Survey::Queued if ours => found.push(call),
                Survey::Waiting if ours => waiting.push(call),
                _ => {}
            }
        }
        lock(&self.surveyed).append(&mut waiting);
        // Popped from the end: what stands first was found last, and so comes first.
        lock(&self.ready).calls.append(&mut found);
    }

    /// `call` is ready to run.
    pub(crate) fn push(&self, call: Arc<dyn Call>) {
        let mut ready = lock(&self.ready);
        if ready.over {
            return;
        }
        ready.calls.push(call);
        if !ready.attended && std::mem::take(&mut ready.asleep) {
            drop(ready);
            self.owner.nudge();
        }
    }

    /// The next call, for the owner.
    pub(crate) fn pop(&self) -> Option<Arc<dyn Call>> {
        lock(&self.ready).calls.pop()
    }

    /// The next call, for the spare that attends; after `None` the owner is woken for the next one.
    pub(crate) fn pop_for_spare(&self) -> Option<Arc<dyn Call>> {
        let mut ready = lock(&self.ready);
        let call = ready.calls.pop();
        ready.attended = call.is_some();
        call
    }

    /// The owner blocks: whether a spare has to start with these calls. If not, the owner is woken for the next one.
    pub(crate) fn hand_over(&self) -> bool {
        let mut ready = lock(&self.ready);
        ready.asleep = true;
        let needs_spare = !ready.calls.is_empty() && !ready.attended;
        ready.attended |= needs_spare;
        needs_spare
    }

    /// There is no spare to be had.
    pub(crate) fn abandon(&self) {
        lock(&self.ready).attended = false;
    }

    /// The spare has no place any more, since the owner is back; it may have blocked again by now, and counted on the spare.
    pub(crate) fn give_back(&self) {
        let mut ready = lock(&self.ready);
        ready.attended = false;
        if !ready.calls.is_empty() && std::mem::take(&mut ready.asleep) {
            drop(ready);
            self.owner.nudge();
        }
    }

    /// Whether the owner still waits, so that a spare goes on in its place.
    pub(crate) fn is_owner_blocked(&self) -> bool {
        self.owner.is_blocked()
    }

    /// The wait is over: leaves nothing behind in the calls that were surveyed.
    pub(crate) fn finish(self: &Arc<Self>) {
        let calls = {
            let mut ready = lock(&self.ready);
            ready.over = true;
            std::mem::take(&mut ready.calls)
        };
        drop(calls);
        for call in std::mem::take(&mut *lock(&self.surveyed)) {
            call.delist(&|waiter| matches!(waiter, Waiter::Help(help) if Arc::ptr_eq(help, self)));
        }
    }
}

/// The worker that the current thread is.
pub(crate) trait Here {
    fn home(&self) -> HomeId;

    /// Waits for the end of `call`: `false` when the deadline came first. See `worker.rs` for how a pool goes on meanwhile.
    fn wait(
        &self,
        call: &Arc<dyn Call>,
        deadline: Option<Instant>,
        help: Option<&Arc<Help>>,
    ) -> Result<bool, TaskError>;

    /// A list of errands for a wait on several calls; the same worker has to use it.
    fn help(&self, calls: Vec<Arc<dyn Call>>) -> Arc<Help>;

    /// Whether `help` was made by this worker.
    fn owns(&self, help: &Arc<Help>) -> bool;

    /// Gives up the place for a wait that is not for a call.
    fn leave(&self);

    /// Takes a place again, at once.
    fn come_back(&self);

    /// Whether there is stack enough to run another call inside this one.
    fn has_stack(&self) -> bool;
}

thread_local! {
    static HERE: RefCell<Option<Rc<dyn Here>>> = const { RefCell::new(None) };
    /// The pool whose call this thread runs. Has no destructor, so that it can be read from those of the user.
    static INSIDE: Cell<HomeId> = const { Cell::new(HomeId::NONE) };
    /// Without a destructor too: a promise in a thread-local of the user may end a long chain. It is empty then, and owns
    /// no memory between two uses.
    static WORKLIST: ManuallyDrop<RefCell<Worklist>> =
        const { ManuallyDrop::new(RefCell::new(Worklist { open: VecDeque::new(), draining: false })) };
}

/// Makes the current thread a worker of `home`, or with `None` an ordinary thread again.
pub(crate) fn settle(home: HomeId, here: Option<Rc<dyn Here>>) {
    INSIDE.with(|inside| inside.set(home));
    drop(HERE.with(|own| own.replace(here)));
}

pub(crate) fn here() -> Option<Rc<dyn Here>> {
    HERE.try_with(|here| here.borrow().clone()).ok().flatten()
}

/// Whether the current thread is in a call of `home`, so that its limits do not hold here.
pub(crate) fn is_inside(home: HomeId) -> bool {
    INSIDE.with(Cell::get) == home || here().is_some_and(|here| here.home() == home)
}

/// Runs `f` as a call of `home` on a thread that does not belong to it.
pub(crate) fn as_guest<R>(home: HomeId, f: impl FnOnce() -> R) -> R {
    struct Back(HomeId);
    impl Drop for Back {
        fn drop(&mut self) {
            INSIDE.with(|inside| inside.set(self.0));
        }
    }
    let _back = Back(INSIDE.with(|inside| inside.replace(home)));
    f()
}

/// Runs `f`, which blocks on something that is not a call; on a worker, its place is free meanwhile.
pub(crate) fn away<R>(f: impl FnOnce() -> R) -> R {
    drain();
    let Some(here) = here() else { return f() };
    here.leave();
    let result = f();
    here.come_back();
    result
}

/// Ends that have to be passed on. A list instead of recursion, so that a graph of any depth needs no stack.
struct Worklist {
    open: VecDeque<(Arc<dyn Next>, u32)>,
    draining: bool,
}

/// Tells `next` that its argument `index` has arrived: now, or if this thread is busy telling others, after them.
fn defer(next: Arc<dyn Next>, index: u32) {
    WORKLIST.with(|list| list.borrow_mut().open.push_back((next, index)));
    flush();
}

/// Holds back what `f` sets off, until [`flush`].
pub(crate) fn hold(f: impl FnOnce()) {
    let outer = WORKLIST.with(|list| std::mem::replace(&mut list.borrow_mut().draining, true));
    f();
    WORKLIST.with(|list| list.borrow_mut().draining = outer);
}

/// Passes on what was held back, unless this thread is at it already.
pub(crate) fn flush() {
    if !WORKLIST.with(|list| list.borrow().draining) {
        drain();
        WORKLIST.with(|list| drop(std::mem::take(&mut list.borrow_mut().open)));
    }
}

/// Empties the worklist. Whoever is about to block calls it too: what is waited for may stand in there.
pub(crate) fn drain() {
    hold(|| {
        while let Some((next, index)) = WORKLIST.with(|list| list.borrow_mut().open.pop_front()) {
            // What is dropped in there last may be a user's result.
            let _ = catch_unwind(AssertUnwindSafe(|| next.arrived(index))).map_err(discard);
        }
    });
}

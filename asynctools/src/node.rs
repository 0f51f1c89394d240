//! The one state machine of a call.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use crate::context;
use crate::context::Call;
use crate::context::Help;
use crate::context::Home;
use crate::context::HomeId;
use crate::context::Next;
use crate::context::Runner;
use crate::context::Survey;
use crate::context::Waiter;
use crate::context::lock;
use crate::error::Panic;
use crate::error::TaskError;
use crate::error::discard;
use crate::site::CallSite;
use crate::sync::AtomicBool;
use crate::sync::Instant;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::turns;

// Implementation
//
// A call is one `Arc<Node>`: its body and later its result in one `State` behind one mutex, and a flag outside so that a
// finished call is seen without the lock. No user code runs under the lock: a transition takes out what is the user's
// (body, result, waker) and drops, calls or wakes it after unlocking.

/// What a call runs, and with which arguments.
pub(crate) trait Body: Send + 'static {
    type Output: Send + 'static;

    /// Runs the user's function. All arguments are there.
    fn run(self) -> Self::Output;

    /// One more argument is there: whether it was the last one.
    fn arrived(&mut self) -> bool {
        true
    }

    /// Whether an argument ended so that the call cannot run. All have ended. Runs no user code.
    fn is_stopped(&self) -> bool {
        false
    }

    /// The end of a stopped call at `own`; the rest of the arguments is dropped. Runs no user code but `From`.
    fn stop(self, own: CallSite) -> Result<Self::Output, TaskError>;

    /// The calls whose results are arguments of this one.
    fn needs(&self, _needs: &mut Vec<Arc<dyn Call>>) {}

    /// Where a call that had to wait for arguments runs; `None`: where its last argument arrives, since no user code is in it.
    fn route(&self) -> Option<Route> {
        None
    }
}

/// The way of a call to the pool that it runs on.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) home: Arc<dyn Home>,
    /// It was made by a call of that pool.
    pub(crate) inside: bool,
    /// If it can start at once, a full queue may hold up its caller. What follows another call never blocks.
    pub(crate) bounded: bool,
}

/// The body of a promise, which has none.
pub(crate) struct NoBody<T>(std::convert::Infallible, std::marker::PhantomData<fn() -> T>);

impl<T: Send + 'static> Body for NoBody<T> {
    type Output = T;

    fn run(self) -> T {
        match self.0 {}
    }

    fn stop(self, _own: CallSite) -> Result<T, TaskError> {
        match self.0 {}
    }
}

/// The life of a call, from the top down.
pub(crate) enum State<B: Body> {
    /// Arguments are missing. Whoever brings the last one moves on; `lose` may end it.
    Waiting(B),
    /// In the queue of its pool, all arguments there. Whoever takes the body runs it; `lose` may end it.
    Queued(B),
    /// Somebody runs it, or holds its promise: only they may end it.
    Running,
    /// Ended. The owner of the handle may take it.
    Done(Result<B::Output, TaskError>),
    /// Ended; the result is out to be cloned, by the thread that will put it back. `true`: it is an error.
    Lent(bool),
    /// Ended, and the result was taken, or nobody wants it.
    Taken,
}

struct Core<B: Body> {
    state: State<B>,
    waiters: Waiters<B::Output>,
}

/// One call. In the `Arc` with its counts: 80 bytes for a `fn() -> u64`.
pub(crate) struct Node<B: Body> {
    done: AtomicBool,
    /// Somebody has a handle. Written and read under the lock.
    wanted: AtomicBool,
    home: HomeId,
    site: CallSite,
    core: Mutex<Core<B>>,
}

/// Those who wait for the end of a call; most have one at most.
#[derive(Default)]
enum Waiters<T> {
    #[default]
    None,
    One(Kind<T>),
    #[expect(clippy::box_collection, reason = "a `Vec` in here would make every call 8 bytes larger")]
    Many(Box<Vec<Kind<T>>>),
}

enum Kind<T> {
    Plain(Waiter),
    /// Clones the result. Served before anybody can take it.
    Lend(Arc<dyn Lend<T>>),
}

/// Looks at a result, or at the loss of it.
pub(crate) type Look<'a, T> = dyn FnMut(Result<&T, &TaskError>) + 'a;

/// Takes a clone of a result, on the thread that ends the call, or at once if it has ended. Must not panic.
pub(crate) trait Lend<T>: Send + Sync {
    fn lend(self: Arc<Self>, outcome: Result<&T, &TaskError>);
}

impl<T> Waiters<T> {
    fn push(&mut self, waiter: Kind<T>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(waiter),
            Self::One(first) => Self::Many(Box::new(vec![first, waiter])),
            Self::Many(mut all) => {
                all.push(waiter);
                Self::Many(all)
            }
        };
    }

    /// Takes out those that `which` finds.
    fn extract(&mut self, which: impl Fn(&Kind<T>) -> bool) -> Vec<Kind<T>> {
        match self {
            Self::None => Vec::new(),
            Self::One(waiter) if !which(waiter) => Vec::new(),
            Self::One(_) => std::mem::take(self).into_iter().collect(),
            Self::Many(all) => all.extract_if(.., |waiter| which(waiter)).collect(),
        }
    }

    fn into_iter(self) -> impl Iterator<Item = Kind<T>> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(waiter) => (Some(waiter), None),
            Self::Many(all) => (None, Some(all)),
        };
        one.into_iter().chain(many.into_iter().flat_map(|all| *all))
    }
}

impl<B: Body> Node<B> {
    pub(crate) fn new(state: State<B>, done: bool, home: HomeId, site: CallSite) -> Arc<Self> {
        let core = Mutex::new(Core { state, waiters: Waiters::None });
        Arc::new(Self { done: AtomicBool::new(done), wanted: AtomicBool::new(true), home, site, core })
    }

    /// A call with all its arguments, for the queue of `home`.
    pub(crate) fn queued(body: B, home: HomeId, site: CallSite) -> Arc<Self> {
        Self::new(State::Queued(body), false, home, site)
    }

    /// A call that waits for arguments. `listen` registers it with them; those that arrive meanwhile wait for it to end.
    /// Locks go from a call to those that it needs, which are older, and never back.
    pub(crate) fn waiting(
        body: B,
        home: HomeId,
        site: CallSite,
        listen: impl FnOnce(&mut B, Arc<dyn Next>),
    ) -> Arc<Self> {
        let node = Self::new(State::Waiting(body), false, home, site);
        if let State::Waiting(body) = &mut node.lock().state {
            listen(body, node.clone());
        }
        node.advance(true);
        node
    }

    fn lock(&self) -> MutexGuard<'_, Core<B>> {
        lock(&self.core)
    }

    /// An argument has arrived, or with `at_call` the registration with all of them is complete.
    fn advance(self: &Arc<Self>, at_call: bool) {
        let mut core = self.lock();
        let State::Waiting(body) = &mut core.state else { return };
        if !body.arrived() {
            return;
        }
        let stopped = body.is_stopped();
        let State::Waiting(body) = std::mem::replace(&mut core.state, State::Running) else { return };
        let route = if stopped { None } else { body.route() };
        let Some(route) = route else {
            // Never seen as queued: whoever took it, or took it out, would count a call that no pool has.
            drop(core);
            let end = catch_unwind(AssertUnwindSafe(|| if stopped { body.stop(self.site) } else { Ok(body.run()) }));
            self.complete(end.unwrap_or_else(|payload| Err(TaskError::Panicked(Panic::new(self.site, payload)))));
            return;
        };
        core.state = State::Queued(body);
        let helps = core.waiters.extract(|waiter| matches!(waiter, Kind::Plain(Waiter::Help(_))));
        drop(core);
        let call: Arc<dyn Call> = self.clone();
        // Before it is queued: a place goes to the worker that waits for it rather than to a thread that happens to find it.
        for help in helps {
            if let Kind::Plain(Waiter::Help(help)) = help {
                help.push(call.clone());
            }
        }
        route.home.admit(call, route.inside, route.bounded && at_call);
    }

    /// The end of the call, by the one who took its body or holds its promise.
    pub(crate) fn complete(&self, outcome: Result<B::Output, TaskError>) {
        let mut core = self.lock();
        // Most calls of a batch end before anybody waits for them.
        if matches!(core.waiters, Waiters::None) && self.wanted.load(Ordering::Relaxed) {
            core.state = State::Done(outcome);
            self.done.store(true, Ordering::Release);
            return;
        }
        let (mut core, lent) = self.serve_lends(core, &outcome);
        let waiters = std::mem::take(&mut core.waiters);
        let unwanted = if self.wanted.load(Ordering::Relaxed) {
            core.state = State::Done(outcome);
            None
        } else {
            core.state = State::Taken;
            Some(outcome)
        };
        self.done.store(true, Ordering::Release);
        drop(core);
        // Wakers come last, and then what nobody wants: both are a user's code, which may wait for the others.
        let mut tasks = Vec::new();
        for waiter in waiters.into_iter() {
            match waiter {
                Kind::Plain(Waiter::Task(_)) => tasks.push(waiter),
                Kind::Plain(waiter) => waiter.fire(),
                Kind::Lend(_) => {}
            }
        }
        if lent {
            context::flush();
        }
        for task in tasks {
            if let Kind::Plain(waiter) = task {
                waiter.fire();
            }
        }
        if let Some(unwanted) = unwanted {
            discard(unwanted);
        }
    }

    /// Takes the result of a call that has ended out from under the lock, for `look` and all who asked for a clone: whether it
    /// was there.
    fn lend_out<'a>(&'a self, mut core: MutexGuard<'a, Core<B>>, look: &mut Look<'_, B::Output>) -> bool {
        let State::Done(outcome) = &core.state else { return false };
        let failed = outcome.is_err();
        let State::Done(outcome) = std::mem::replace(&mut core.state, State::Lent(failed)) else { return false };
        drop(core);
        context::hold(|| look(outcome.as_ref()));
        let (mut core, _) = self.serve_lends(self.lock(), &outcome);
        core.state = State::Done(outcome);
        drop(core);
        context::flush();
        true
    }

    /// Has the result cloned by all who asked for that: whether there were any. What their clones set off is held back
    /// until the result is there for others too: user code in there could wait for it.
    fn serve_lends<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<B>>,
        outcome: &Result<B::Output, TaskError>,
    ) -> (MutexGuard<'a, Core<B>>, bool) {
        let mut lent = false;
        loop {
            let lends = core.waiters.extract(|waiter| matches!(waiter, Kind::Lend(_)));
            if lends.is_empty() {
                return (core, lent);
            }
            lent = true;
            drop(core);
            context::hold(|| {
                for lend in lends {
                    if let Kind::Lend(lend) = lend {
                        lend.lend(outcome.as_ref());
                    }
                }
            });
            core = self.lock();
        }
    }
}

impl<B: Body> Call for Node<B> {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn home(&self) -> HomeId {
        self.home
    }

    fn site(&self) -> CallSite {
        self.site
    }

    fn is_queued(&self) -> bool {
        matches!(self.lock().state, State::Queued(_))
    }

    fn run(self: Arc<Self>, runner: &dyn Runner) -> bool {
        let mut core = self.lock();
        if !matches!(core.state, State::Queued(_)) {
            return false;
        }
        let State::Queued(body) = std::mem::replace(&mut core.state, State::Running) else { return false };
        drop(core);
        runner.began();
        let result = catch_unwind(AssertUnwindSafe(|| body.run()));
        runner.ended(result.is_err());
        self.complete(result.map_err(|payload| TaskError::Panicked(Panic::new(self.site, payload))));
        true
    }

    fn lose(&self, error: TaskError) -> bool {
        let mut core = self.lock();
        if !matches!(core.state, State::Waiting(_) | State::Queued(_)) {
            return false;
        }
        let unrun = std::mem::replace(&mut core.state, State::Running);
        drop(core);
        let queued = matches!(unrun, State::Queued(_));
        // One that runs no user code is no call of the pool that what follows it runs on.
        let counts = queued || matches!(&unrun, State::Waiting(body) if body.route().is_some());
        discard(unrun);
        if counts && let Some(home) = context::find_home(self.home) {
            home.withdrawn(queued, matches!(error, TaskError::Cancelled));
        }
        self.complete(Err(error));
        true
    }

    fn survey(&self, help: Option<&Arc<Help>>, needs: &mut Vec<Arc<dyn Call>>) -> Survey {
        let mut core = self.lock();
        match &core.state {
            State::Queued(_) => Survey::Queued,
            State::Waiting(body) => {
                body.needs(needs);
                if let Some(help) = help {
                    core.waiters.push(Kind::Plain(Waiter::Help(help.clone())));
                }
                Survey::Waiting
            }
            State::Running | State::Done(_) | State::Lent(_) | State::Taken => Survey::Underway,
        }
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        let mut core = self.lock();
        if self.is_done() {
            return Some(waiter);
        }
        core.waiters.push(Kind::Plain(waiter));
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone = self.lock().waiters.extract(|waiter| matches!(waiter, Kind::Plain(waiter) if which(waiter)));
        drop(gone);
    }
}

impl<B: Body> Next for Node<B> {
    fn arrived(self: Arc<Self>, _index: u32) {
        self.advance(false);
    }
}

/// A call, as the owner of its handle sees it.
pub(crate) trait Val<T>: Call {
    /// The result of a call that has ended.
    fn take(self: Arc<Self>) -> Result<T, TaskError>;

    /// Nobody wants the result any more.
    fn forsake(&self);

    /// Whether the call has ended without a value.
    fn has_failed(&self) -> bool;

    /// Looks at the result of a call that has ended, under its lock: `look` runs no user code.
    fn peek(&self, look: &mut Look<'_, T>);

    /// Has `lend` clone the result as soon as there is one.
    fn lend(&self, lend: Arc<dyn Lend<T>>);

    /// Has `look` clone the result now: `false` if there is none, or somebody else has it out.
    fn lend_now(&self, look: &mut Look<'_, T>) -> bool;
}

impl<B: Body> Val<B::Output> for Node<B> {
    fn take(self: Arc<Self>) -> Result<B::Output, TaskError> {
        // The worker is through with most calls by then: the lock and a count are saved.
        let state = match Arc::try_unwrap(self) {
            Ok(node) => node.core.into_inner().unwrap_or_else(PoisonError::into_inner).state,
            Err(node) => std::mem::replace(&mut node.lock().state, State::Taken),
        };
        let State::Done(outcome) = state else { unreachable!("only the owner of the handle takes the result, once") };
        outcome
    }

    fn forsake(&self) {
        let mut core = self.lock();
        self.wanted.store(false, Ordering::Relaxed);
        // The task that polled this handle is not to be woken, nor kept, for a result that it will not see.
        let tasks = core.waiters.extract(|waiter| matches!(waiter, Kind::Plain(Waiter::Task(_))));
        let result = match &core.state {
            State::Done(_) => Some(std::mem::replace(&mut core.state, State::Taken)),
            _ => None,
        };
        drop(core);
        drop(tasks);
        drop(result);
    }

    fn has_failed(&self) -> bool {
        matches!(self.lock().state, State::Done(Err(_)) | State::Lent(true))
    }

    fn peek(&self, look: &mut Look<'_, B::Output>) {
        if let State::Done(outcome) = &self.lock().state {
            look(outcome.as_ref());
        }
    }

    fn lend(&self, lend: Arc<dyn Lend<B::Output>>) {
        let mut core = self.lock();
        core.waiters.push(Kind::Lend(lend));
        // Whoever ends the call, or has the result out, serves the new one too.
        self.lend_out(core, &mut |_| {});
    }

    fn lend_now(&self, look: &mut Look<'_, B::Output>) -> bool {
        self.lend_out(self.lock(), look)
    }
}

/// Waits for the end of a call: `false` when the deadline came first, an error when it cannot end.
pub(crate) fn block(
    call: &Arc<dyn Call>,
    deadline: Option<Instant>,
    help: Option<&Arc<Help>>,
) -> Result<bool, TaskError> {
    if call.is_done() {
        return Ok(true);
    }
    context::drain();
    match context::here() {
        Some(here) => here.wait(call, deadline, help),
        None => Ok(park(&**call, deadline)),
    }
}

/// How often a waiter looks before it parks. Waking a thread costs microseconds, and many a call ends in less: a lone call
/// and `get` is several times cheaper for it, and a longer spin only burns what the worker could use.
const SPINS: u32 = turns(64);

fn park(call: &dyn Call, deadline: Option<Instant>) -> bool {
    for _ in 0..SPINS {
        if call.is_done() {
            return true;
        }
        hint::spin_loop();
    }
    let thread = thread::current();
    let id = thread.id();
    if call.enlist(Waiter::Thread(thread)).is_some() {
        return true;
    }
    while !call.is_done() {
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(left) if left.is_zero() => {
                call.delist(&|waiter| matches!(waiter, Waiter::Thread(thread) if thread.id() == id));
                return call.is_done();
            }
            Some(left) => thread::park_timeout(left),
        }
    }
    true
}

/// The deadline of a wait of that length; `None` for one that no clock reaches.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Ends `get` and its like for a call without a value: the payload of its panic, or a panic that names the call.
#[track_caller]
pub(crate) fn raise(error: &TaskError, site: CallSite) -> ! {
    if let TaskError::Panicked(panic) = error.root()
        && let Some(payload) = panic.take_payload()
    {
        resume_unwind(payload);
    }
    panic!("{}", error.told_by(site));
}

/// Has `waker` woken at the end of the call, instead of the one before: whether it has ended already. Only the owner of the
/// handle polls, so there is one waker at most.
pub(crate) fn watch(call: &dyn Call, waker: &Waker) -> bool {
    call.delist(&|waiter| matches!(waiter, Waiter::Task(_)));
    call.enlist(Waiter::Task(waker.clone())).is_some()
}

//! The one state machine of a call.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::call_site::CallSite;
use crate::error::Panic;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::notify;
use crate::graph::registry;
use crate::graph::traits::Call;
use crate::graph::traits::Dependant;
use crate::graph::traits::Observer;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::graph::waiters::CancelHook;
use crate::graph::waiters::Lend;
use crate::graph::waiters::Look;
use crate::graph::waiters::WaiterKind;
use crate::graph::waiters::Waiters;
use crate::panics::discard;
use crate::panics::lock;
use crate::sync::AtomicBool;
use crate::sync::Mutex;
use crate::sync::MutexGuard;

// Implementation
//
// A call is one `Arc<Node>`: its body and later its result in one `State` behind one mutex, and a flag outside so that a
// finished call is seen without the lock. No user code runs under the lock: a transition takes out what is the user's
// (body, result, waker) and drops, calls or wakes it after unlocking.

/// What a call runs, and with which arguments.
pub(crate) trait Work: Send + 'static {
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

    /// Runs a call without a route, and ends it, or hands it over to somebody who will.
    fn run_here(self, node: &Arc<Node<Self>>)
    where
        Self: Sized,
    {
        node.complete(node.caught(|| Ok(self.run())));
    }
}

/// The way of a call to the pool that it runs on.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) home: Arc<dyn Scheduler>,
    /// It was made by a call of that pool.
    pub(crate) inside: bool,
    /// If it can start at once, a full queue may hold up its caller. What follows another call never blocks.
    pub(crate) bounded: bool,
}

/// The body of a promise, which has none.
pub(crate) struct NoWork<T>(std::convert::Infallible, std::marker::PhantomData<fn() -> T>);

impl<T: Send + 'static> Work for NoWork<T> {
    type Output = T;

    fn run(self) -> T {
        match self.0 {}
    }

    fn stop(self, _own: CallSite) -> Result<T, TaskError> {
        match self.0 {}
    }
}

/// The life of a call, from the top down.
pub(crate) enum State<B: Work> {
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

struct Core<B: Work> {
    state: State<B>,
    waiters: Waiters<B::Output>,
}

/// One call. In the `Arc` with its counts: 80 bytes for a `fn() -> u64`.
pub(crate) struct Node<B: Work> {
    done: AtomicBool,
    /// Somebody has a handle. Written and read under the lock.
    wanted: AtomicBool,
    home: PoolId,
    site: CallSite,
    core: Mutex<Core<B>>,
}

impl<B: Work> Node<B> {
    pub(crate) fn new(state: State<B>, done: bool, home: PoolId, site: CallSite) -> Arc<Self> {
        let core = Mutex::new(Core { state, waiters: Waiters::None });
        Arc::new(Self { done: AtomicBool::new(done), wanted: AtomicBool::new(true), home, site, core })
    }

    /// A call with all its arguments, for the queue of `home`.
    pub(crate) fn queued(body: B, home: PoolId, site: CallSite) -> Arc<Self> {
        Self::new(State::Queued(body), false, home, site)
    }

    /// A call that waits for arguments. `listen` registers it with them; those that arrive meanwhile wait for it to end.
    /// Locks go from a call to those that it needs, which are older, and never back.
    pub(crate) fn waiting(
        body: B,
        home: PoolId,
        site: CallSite,
        listen: impl FnOnce(&mut B, Arc<dyn Dependant>),
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
            if stopped {
                self.complete(self.caught(|| body.stop(self.site)));
            } else {
                body.run_here(self);
            }
            return;
        };
        core.state = State::Queued(body);
        let agendas = core.waiters.extract(|waiter| matches!(waiter, WaiterKind::Plain(Waiter::Agenda(_))));
        drop(core);
        let call: Arc<dyn Call> = self.clone();
        // Before it is queued: a place goes to the worker that waits for it rather than to a thread that happens to find it.
        for agenda in agendas {
            if let WaiterKind::Plain(Waiter::Agenda(agenda)) = agenda {
                agenda.push(call.clone());
            }
        }
        route.home.schedule(call, route.inside, route.bounded && at_call);
    }

    /// The outcome of `end`, a panic of it included.
    fn caught(&self, end: impl FnOnce() -> Result<B::Output, TaskError>) -> Result<B::Output, TaskError> {
        let end = catch_unwind(AssertUnwindSafe(end));
        end.unwrap_or_else(|payload| Err(TaskError::Panicked(Panic::new(self.site, payload))))
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
                WaiterKind::Plain(Waiter::Task(_)) => tasks.push(waiter),
                WaiterKind::Plain(waiter) => waiter.fire(),
                WaiterKind::Lend(_) => {}
                WaiterKind::Cancel(hook) => discard(hook),
            }
        }
        if lent {
            notify::flush();
        }
        for task in tasks {
            if let WaiterKind::Plain(waiter) = task {
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
        notify::hold(|| look(outcome.as_ref()));
        let (mut core, _) = self.serve_lends(self.lock(), &outcome);
        core.state = State::Done(outcome);
        drop(core);
        notify::flush();
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
            let lends = core.waiters.extract(|waiter| matches!(waiter, WaiterKind::Lend(_)));
            if lends.is_empty() {
                return (core, lent);
            }
            lent = true;
            drop(core);
            notify::hold(|| {
                for lend in lends {
                    if let WaiterKind::Lend(lend) = lend {
                        lend.lend(outcome.as_ref());
                    }
                }
            });
            core = self.lock();
        }
    }
}

impl<B: Work> Call for Node<B> {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn pool_id(&self) -> PoolId {
        self.home
    }

    fn site(&self) -> CallSite {
        self.site
    }

    fn is_queued(&self) -> bool {
        matches!(self.lock().state, State::Queued(_))
    }

    fn run(self: Arc<Self>, observer: &dyn Observer) -> bool {
        let mut core = self.lock();
        if !matches!(core.state, State::Queued(_)) {
            return false;
        }
        let State::Queued(body) = std::mem::replace(&mut core.state, State::Running) else { return false };
        drop(core);
        observer.began();
        let result = catch_unwind(AssertUnwindSafe(|| body.run()));
        observer.ended(result.is_err());
        self.complete(result.map_err(|payload| TaskError::Panicked(Panic::new(self.site, payload))));
        true
    }

    fn lose(&self, error: TaskError) -> bool {
        let mut core = self.lock();
        if !matches!(core.state, State::Waiting(_) | State::Queued(_)) {
            let hooks = core.waiters.extract(|waiter| matches!(waiter, WaiterKind::Cancel(_)));
            drop(core);
            let mut cancelled = false;
            for hook in hooks {
                if let WaiterKind::Cancel(hook) = hook {
                    cancelled |= hook();
                }
            }
            return cancelled;
        }
        let unrun = std::mem::replace(&mut core.state, State::Running);
        drop(core);
        let queued = matches!(unrun, State::Queued(_));
        // One that runs no user code is no call of the pool that what follows it runs on.
        let counts = queued || matches!(&unrun, State::Waiting(body) if body.route().is_some());
        discard(unrun);
        if counts && let Some(home) = registry::find(self.home) {
            home.unscheduled(queued, matches!(error, TaskError::Cancelled));
        }
        self.complete(Err(error));
        true
    }

    fn survey(&self, agenda: Option<&Arc<Agenda>>, needs: &mut Vec<Arc<dyn Call>>) -> Survey {
        let mut core = self.lock();
        match &core.state {
            State::Queued(_) => Survey::Queued,
            State::Waiting(body) => {
                body.needs(needs);
                if let Some(agenda) = agenda {
                    core.waiters.push(WaiterKind::Plain(Waiter::Agenda(agenda.clone())));
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
        core.waiters.push(WaiterKind::Plain(waiter));
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone = self.lock().waiters.extract(|waiter| matches!(waiter, WaiterKind::Plain(waiter) if which(waiter)));
        drop(gone);
    }
}

impl<B: Work> Dependant for Node<B> {
    fn arrived(self: Arc<Self>, _index: u32) {
        self.advance(false);
    }
}

/// A call, as the one who holds its promise sees it.
pub(crate) trait Promised<T>: Send + Sync {
    /// Ends the call.
    fn end(&self, outcome: Result<T, TaskError>);

    /// Has `hook` called if the owner of the handle cancels the call.
    fn on_cancel(&self, hook: CancelHook);
}

impl<B: Work> Promised<B::Output> for Node<B> {
    fn end(&self, outcome: Result<B::Output, TaskError>) {
        self.complete(outcome);
    }

    fn on_cancel(&self, hook: CancelHook) {
        self.lock().waiters.push(WaiterKind::Cancel(hook));
    }
}

/// A call, as the owner of its handle sees it.
pub(crate) trait Slot<T>: Call {
    /// The result of a call that has ended.
    fn take(self: Arc<Self>) -> Result<T, TaskError>;

    /// Nobody wants the result any more.
    fn abandon_result(&self);

    /// Whether the call has ended without a value.
    fn has_failed(&self) -> bool;

    /// Looks at the result of a call that has ended, under its lock: `look` runs no user code.
    fn peek(&self, look: &mut Look<'_, T>);

    /// Has `lend` clone the result as soon as there is one.
    fn lend(&self, lend: Arc<dyn Lend<T>>);

    /// Has `look` clone the result now: `false` if there is none, or somebody else has it out.
    fn lend_now(&self, look: &mut Look<'_, T>) -> bool;
}

impl<B: Work> Slot<B::Output> for Node<B> {
    fn take(self: Arc<Self>) -> Result<B::Output, TaskError> {
        // The worker is through with most calls by then: the lock and a count are saved.
        let state = match Arc::try_unwrap(self) {
            Ok(node) => node.core.into_inner().unwrap_or_else(PoisonError::into_inner).state,
            Err(node) => std::mem::replace(&mut node.lock().state, State::Taken),
        };
        let State::Done(outcome) = state else { unreachable!("only the owner of the handle takes the result, once") };
        outcome
    }

    fn abandon_result(&self) {
        let mut core = self.lock();
        self.wanted.store(false, Ordering::Relaxed);
        // The task that polled this handle is not to be woken, nor kept, for a result that it will not see.
        let tasks = core.waiters.extract(|waiter| matches!(waiter, WaiterKind::Plain(Waiter::Task(_))));
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
        core.waiters.push(WaiterKind::Lend(lend));
        // Whoever ends the call, or has the result out, serves the new one too.
        self.lend_out(core, &mut |_| {});
    }

    fn lend_now(&self, look: &mut Look<'_, B::Output>) -> bool {
        self.lend_out(self.lock(), look)
    }
}

//! The one state machine of a call.

use std::sync::Arc;
use std::sync::PoisonError;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::blocked::this_thread;
use crate::graph::head::Head;
use crate::graph::lineage;
use crate::graph::lose::end_unrun;
use crate::graph::notify;
use crate::graph::slot::Slot;
use crate::graph::state::State;
use crate::graph::stop;
use crate::graph::traits;
use crate::graph::traits::Aftermath;
use crate::graph::traits::Job;
use crate::graph::traits::Moment;
use crate::graph::traits::PoolId;
use crate::graph::traits::Waiter;
use crate::graph::waiters;
use crate::graph::waiters::Origin;
use crate::graph::waiters::Waiters;
use crate::graph::work;
use crate::graph::work::Route;
use crate::graph::work::Work;
use crate::panics::discard_all;
use crate::panics::lock;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::tag::Dropped;
use crate::tag::Tag;

// Implementation
//
// A call is one `Arc<Node>`: the work and later the result in one `State` behind one mutex, and a flag outside that shows the end
// without the lock. No user code runs under the lock: a transition takes out the user's work, result or waker.

struct Core<W: Work> {
    state: State<W>,
    waiters: Waiters,
    tag: Tag,
}

/// One call. In the `Arc` with its counts: 88 bytes for a `fn() -> u64`.
/// In this order a waiter that looks at the flags seldom takes the cache line of the lock from the thread that runs the call.
#[repr(C)]
pub(crate) struct Node<W: Work> {
    site: CallSite,
    core: Mutex<Core<W>>,
    head: Head,
}

impl<W: Work> Node<W> {
    #[inline]
    fn new(state: State<W>, origin: Origin, head: Head, site: CallSite, tag: Tag) -> Arc<Self> {
        Arc::new(Self { head, site, core: Mutex::new(Core { state, waiters: Waiters::None(origin), tag }) })
    }

    /// A call with all its arguments, for the queue of `pool`.
    #[inline]
    pub(crate) fn queued(work: W, pool: PoolId, site: CallSite, tag: Tag) -> Arc<Self> {
        // Before the state is made, which would have to stand in memory for the unwinding of this function.
        let origin = Origin::here();
        Self::new(State::Queued(work), origin, Head::new(false, pool), site, tag)
    }

    /// A call that has ended with `value`.
    pub(crate) fn ready(value: W::Output, site: CallSite) -> Arc<Self> {
        Self::new(State::Done(Ok(value)), Origin::USUAL, Head::new(true, PoolId::NONE), site, Tag::NONE)
    }

    /// A call that the program ends.
    pub(crate) fn promised(site: CallSite) -> Arc<Self> {
        Self::new(State::Promised, Origin::USUAL, Head::new(false, PoolId::NONE), site, Tag::NONE)
    }

    /// A call that waits for arguments; what follows it runs on `pool`. `listen` registers it with the arguments; those that
    /// arrive meanwhile wait for it to end. Locks go from a call to those that it needs, which are older, and never back.
    pub(crate) fn waiting(
        work: W,
        pool: PoolId,
        site: CallSite,
        tag: Tag,
        listen: impl FnOnce(&mut W, Arc<dyn traits::Dependant>),
    ) -> Arc<Self> {
        let origin = Origin::here();
        let node = Self::new(State::Waiting(work), origin, Head::new(false, pool), site, tag);
        if let State::Waiting(work) = &mut node.lock().state {
            listen(work, node.clone());
        }
        node.advance(Moment::AtCall).into_iter().for_each(notify::end);
        node
    }

    fn lock(&self) -> MutexGuard<'_, Core<W>> {
        lock(&self.core)
    }

    /// Takes in that an argument has arrived, or at the call that all of them are registered. Runs no user code: a call that an
    /// argument has stopped is returned to be ended by it.
    fn advance(self: &Arc<Self>, moment: Moment) -> Option<Arc<dyn Job>> {
        let mut core = self.lock();
        let State::Waiting(work) = &mut core.state else { return None };
        if !work.arrived() {
            if work.needs_others() {
                let helpers = core.waiters.take_helpers();
                drop(core);
                helpers.changed(&|| self.clone());
            }
            return None;
        }
        let stopped = work.is_stopped();
        let State::Waiting(mut work) = std::mem::replace(&mut core.state, State::Taken) else { return None };
        core.state = State::Running(this_thread());
        if stopped {
            let at = traits::Standing::Thread(this_thread(), traits::Tried::Nothing);
            core.state = State::Stopped(Box::new((work, at)));
            return Some(self.clone());
        }
        let Some(route) = work.route() else {
            // Never seen as queued: a worker or `cancel_queued` that saw it there would count a call that is in no queue.
            drop(core);
            work.run_here(self.clone(), self.site);
            return None;
        };
        core.tag.ready(moment == Moment::Later);
        let job = || -> Arc<dyn Job> { self.clone() };
        // Asked before the state says so: a refused call never was in a queue.
        if let Err(refusal) = route.accept() {
            core.state = State::Waiting(work);
            drop(core);
            end_unrun(&job(), refusal);
            return None;
        }
        let Some(Route { pool: Some(pool), maker, bounded }) = work.take_route() else { unreachable!("just asked") };
        core.state = State::Queued(work);
        core.waiters.set_requests(stop::requests());
        let helpers = core.waiters.take_helpers();
        drop(core);
        // Before it is queued: a permit goes to the worker that waits for it rather than to a thread that happens to find it.
        helpers.ready(&job);
        pool.schedule(&job, maker, if moment == Moment::AtCall && !bounded { Moment::AtFollowing } else { moment });
        None
    }

    fn enter(self: &Arc<Self>, Origin { made_by, requests }: Origin) -> lineage::Running {
        lineage::enter(waiters::address(self), self.head.pool(), made_by, requests)
    }

    /// Runs the work of a watched call, under no lock, and ends the call: apart from `run`, where the end is in no memory.
    #[cfg(feature = "hooks")]
    #[cold]
    #[inline(never)]
    fn run_watched(
        self: &Arc<Self>,
        mut core: MutexGuard<'_, Core<W>>,
        thread: traits::ThreadNumber,
        observer: &dyn traits::Observer,
    ) {
        let from = core.waiters.origin();
        let work = match std::mem::replace(&mut core.state, State::Running(thread)) {
            State::Queued(work) => work,
            other => return self.run_stopped(core, other, observer),
        };
        let live = core.tag.take_live();
        drop(core);
        let mut dropped = Dropped::new();
        observer.began(traits::Place::Queue);
        let running = self.enter(from);
        let outcome = work::run_watched(&self.site, live, work, &mut dropped);
        drop(running);
        observer.ended(traits::Ending::of_run(&outcome), traits::Place::Queue);
        notify::shut_next_for(&dropped);
        self.complete(outcome);
        discard_all(dropped);
    }

    /// Ends a call that an argument has stopped; `stopped` was its state.
    #[cold]
    fn run_stopped(&self, mut core: MutexGuard<'_, Core<W>>, stopped: State<W>, observer: &dyn traits::Observer) {
        let State::Stopped(stopped) = stopped else { unreachable!("looked at under the same lock") };
        let (work, at) = *stopped;
        let (tag, place) = (core.tag.take(), at.place());
        drop(core);
        let mut dropped = Dropped::new();
        observer.began(place);
        let outcome = work::stop_tagged(self.site, work, tag, &mut dropped);
        observer.ended(traits::Ending::Stopped, place);
        self.complete(outcome);
        discard_all(dropped);
    }

    /// Ends the call, by the one who took its work or holds its promise.
    #[expect(
        clippy::inline_always,
        reason = "the outcome was just made: passed through memory, it would be waited for"
    )]
    #[inline(always)]
    pub(crate) fn complete(&self, outcome: Result<W::Output, TaskError>) {
        let mut core = self.lock();
        // Most calls of a batch end before anybody waits for them. No value of the user is replaced.
        if matches!(core.waiters, Waiters::None(_)) && self.head.is_wanted() {
            core.state = State::Done(outcome);
            self.head.set_done();
            return;
        }
        self.complete_awaited(core, outcome);
    }

    #[inline(never)]
    fn complete_awaited(&self, mut core: MutexGuard<'_, Core<W>>, outcome: Result<W::Output, TaskError>) {
        if self.head.is_wanted()
            && let Some(waiter) = core.waiters.take_only()
        {
            core.state = State::Done(outcome);
            self.head.set_done();
            drop(core);
            return notify::tell_one(waiter);
        }
        // The steps of `in_phases`, which would be made once more for each type of call.
        let (draining, mut aftermath) = (notify::Draining::begin(), Aftermath::default());
        self.end(core, outcome, &mut aftermath);
        draining.settle(aftermath);
    }

    /// Stores the end and tells those who wait; what is a user's in that is left in `aftermath`.
    fn end(&self, core: MutexGuard<'_, Core<W>>, outcome: Result<W::Output, TaskError>, aftermath: &mut Aftermath) {
        let mut core = self.serve_lends(core, &outcome);
        let waiters = core.waiters.take_at_end();
        let (state, unwanted) =
            if self.head.is_wanted() { (State::Done(outcome), None) } else { (State::Taken, Some(outcome)) };
        core.state = state;
        self.head.set_done();
        // Runs no user code: the error of a fallible function is looked at.
        let unwanted = unwanted.map(|outcome| work::untaken_later::<W>(self.site, &core.tag, outcome));
        drop(core);
        aftermath.dropped.extend(unwanted);
        waiters.tell(aftermath);
    }

    /// Takes the result of a call that has ended out from under the lock, for `look` and all who asked for a clone: whether it
    /// was there.
    fn lend_out<'a>(&'a self, mut core: MutexGuard<'a, Core<W>>, look: &mut waiters::Look<'_, W::Output>) -> bool {
        let State::Done(outcome) = &core.state else { return false };
        let failed = outcome.is_err();
        let State::Done(outcome) = std::mem::replace(&mut core.state, State::Lent(failed)) else { return false };
        drop(core);
        let held = notify::hold();
        look(outcome.as_ref());
        drop(held);
        let mut core = self.serve_lends(self.lock(), &outcome);
        core.state = State::Done(outcome);
        drop(core);
        notify::settle(Aftermath::default());
        true
    }

    /// Has the result cloned by all who asked for that. The effects of their clones are held back until the result is there for
    /// others too: user code in there could wait for it.
    fn serve_lends<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core<W>>,
        outcome: &Result<W::Output, TaskError>,
    ) -> MutexGuard<'a, Core<W>> {
        loop {
            let lends = core.waiters.take_lends();
            if lends.is_empty() {
                return core;
            }
            drop(core);
            waiters::lend_to(lends, outcome);
            core = self.lock();
        }
    }
}

impl<W: Work> traits::Awaited for Node<W> {
    fn is_done(&self) -> bool {
        self.head.is_done()
    }

    #[cfg(feature = "hooks")]
    fn sources(&self, sources: &mut crate::tag::Sources) {
        self.lock().tag.sources(sources);
    }

    fn site(&self) -> CallSite {
        self.site
    }

    fn survey(
        self: Arc<Self>,
        helper: &mut dyn FnMut(PoolId) -> Option<Arc<dyn traits::Helper>>,
        needs: &mut traits::Needs,
    ) -> traits::Survey {
        let mut core = self.lock();
        match &core.state {
            State::Queued(..) => traits::Survey::Queued(self.clone()),
            State::Stopped(stopped) => stopped.1.survey(self.clone()),
            State::Waiting(work) => {
                work.needs(needs);
                if let Some(helper) = helper(self.head.pool()) {
                    core.waiters.push(waiters::WaiterKind::Plain(Waiter::Helper(helper)));
                }
                traits::Survey::Waiting
            }
            State::Running(thread) => traits::Survey::Running(*thread),
            State::Promised => traits::Survey::Promised,
            State::Done(_) | State::Lent(_) | State::Taken => traits::Survey::Ended,
        }
    }

    fn as_job_of(self: Arc<Self>, pool: PoolId) -> Option<Arc<dyn Job>> {
        if self.head.pool() == pool { Some(self) } else { None }
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        let mut core = self.lock();
        if self.is_done() {
            return Some(waiter);
        }
        core.waiters.push(waiters::WaiterKind::Plain(waiter));
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone = self.lock().waiters.extract(which);
        drop(gone);
    }

    fn forget(&self, dependant: usize) {
        let gone = self.lock().waiters.forget(dependant);
        drop(gone);
    }
}

impl<W: Work> Job for Node<W> {
    fn pool(&self) -> PoolId {
        self.head.pool()
    }

    fn is_queued(&self) -> bool {
        self.lock().state.is_queued()
    }

    fn stopped(&self) -> Option<traits::Standing> {
        if let State::Stopped(stopped) = &self.lock().state { Some(stopped.1) } else { None }
    }

    fn stand(self: Arc<Self>, now_at: traits::Standing) -> bool {
        let mut core = self.lock();
        let State::Stopped(stopped) = &mut core.state else { return false };
        stopped.1 = now_at;
        if now_at == traits::Standing::Queue {
            let helpers = core.waiters.take_helpers();
            drop(core);
            helpers.ready(&|| self.clone());
        }
        true
    }

    fn run(self: Arc<Self>, observer: &dyn traits::Observer) -> bool {
        // Asked before: a waiter that looks for the end takes the cache line away from a thread that has the lock for long.
        let thread = this_thread();
        let mut core = self.lock();
        if !core.state.can_run(observer.takes_stopped()) {
            return false;
        }
        #[cfg(feature = "hooks")]
        if core.tag.is_some() {
            self.run_watched(core, thread, observer);
            return true;
        }
        let from = core.waiters.origin();
        let work = match std::mem::replace(&mut core.state, State::Taken) {
            State::Queued(work) => work,
            other => {
                core.state = State::Running(thread);
                self.run_stopped(core, other, observer);
                return true;
            }
        };
        // In two steps: a new state that was built elsewhere first would be read back whole.
        core.state = State::Running(thread);
        drop(core);
        let mut dropped = Dropped::new();
        observer.began(traits::Place::Queue);
        let running = self.enter(from);
        let outcome = work::run_unwatched(self.site, work, &mut dropped);
        drop(running);
        observer.ended(traits::Ending::of_run(&outcome), traits::Place::Queue);
        notify::shut_next_for(&dropped);
        self.complete(outcome);
        discard_all(dropped);
        true
    }

    fn take_unstarted(self: Arc<Self>) -> Option<traits::Unstarted> {
        let mut core = self.lock();
        let unrun = core.state.unrun()?;
        let (taken, tag) = (std::mem::replace(&mut core.state, State::Running(this_thread())), core.tag.take());
        drop(core);
        if let State::Waiting(work) = &taken {
            work::forget(work, waiters::address(&self));
        }
        Some(traits::Unstarted { unrun, remains: Box::new(taken), tag })
    }

    fn tell_unwanted(&self) -> bool {
        let mut core = self.lock();
        let engines = match () {
            () if self.head.is_done() => Vec::new(),
            () if W::is_handed_over() => core.waiters.engines_to_hear(),
            () => core.waiters.owned_engines(),
        };
        drop(core);
        waiters::cancel_all(engines)
    }

    fn request_stop(&self) {
        let mut core = self.lock();
        if matches!(core.state, State::Running(_) | State::Promised) {
            core.waiters.ask_to_stop(std::ptr::from_ref(self).addr());
        }
    }

    fn end_lost(&self, error: TaskError, aftermath: &mut Aftermath) {
        self.end(self.lock(), Err(error), aftermath);
    }
}

impl<W: Work> traits::Dependant for Node<W> {
    fn arrived(self: Arc<Self>, _index: u32) -> Option<Arc<dyn Job>> {
        self.advance(Moment::Later)
    }
}

impl<W: Work> work::Promised<W::Output> for Node<W> {
    fn end(&self, outcome: Result<W::Output, TaskError>) {
        self.complete(outcome);
    }

    fn run_by(&self, engine: Arc<dyn waiters::Elsewhere>) {
        let mut core = self.lock();
        let is_unwanted = core.waiters.run_by(engine.clone());
        drop(core);
        if is_unwanted {
            engine.cancel();
        }
    }

    fn is_wanted(&self) -> bool {
        let _core = self.lock();
        self.head.is_wanted()
    }

    #[cfg(any(feature = "celery", asynctools_model))]
    fn hand_over(&self) {
        self.lock().state = State::Promised;
    }
}

impl<W: Work> Slot<W::Output> for Node<W> {
    fn take(self: Arc<Self>) -> Result<W::Output, TaskError> {
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
        self.head.set_unwanted();
        // The task that polled this handle is not to be woken, nor kept, for a result that it will not see.
        let tasks = core.waiters.take_task();
        let result = matches!(core.state, State::Done(_)).then(|| std::mem::replace(&mut core.state, State::Taken));
        let untaken = match result {
            Some(State::Done(outcome)) => Some(work::untaken::<W>(self.site, &core.tag, outcome)),
            _ => None,
        };
        drop((core, tasks));
        drop(untaken);
    }

    fn has_failed(&self) -> bool {
        self.lock().state.has_failed()
    }

    #[cfg(feature = "celery")]
    fn task_id(&self) -> Option<String> {
        self.lock().waiters.engine_id()
    }

    fn peek(&self, look: &mut waiters::Look<'_, W::Output>) {
        if let State::Done(outcome) = &self.lock().state {
            look(outcome.as_ref());
        }
    }

    fn lend(&self, lend: Arc<dyn waiters::Lend>) {
        let mut core = self.lock();
        core.waiters.push(waiters::WaiterKind::Lend(lend));
        // The thread that ends the call, or has the result out, serves the new one too.
        self.lend_out(core, &mut |_| {});
    }

    fn lend_now(&self, look: &mut waiters::Look<'_, W::Output>) -> bool {
        self.lend_out(self.lock(), look)
    }
}

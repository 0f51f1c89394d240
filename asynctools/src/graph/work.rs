//! The work of a call, and the way to its pool.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::error::caught;
use crate::graph::traits::Maker;
use crate::graph::traits::Needs;
use crate::graph::traits::Scheduler;
use crate::graph::waiters::Elsewhere;
use crate::panics::discard_all;
use crate::tag::Dropped;
#[cfg(feature = "hooks")]
use crate::tag::Live;
#[cfg(feature = "hooks")]
use crate::tag::Sources;
use crate::tag::Tag;
use crate::tag::Taken;
#[cfg(feature = "hooks")]
use crate::tag::run_silent;
#[cfg(feature = "tracing")]
use crate::tag::spans::Untaken;
use crate::tag::unwatched_end;

/// The work of a call: a function with its arguments.
pub(crate) trait Work: Send + 'static {
    type Output: Send + 'static;

    /// Runs the user's function. All arguments are there. Leaves the remains of a panicking `Clone` in `dropped`.
    fn run(self, dropped: &mut Dropped) -> Self::Output;

    /// Notes the arrival of an argument, and returns whether all arguments are there.
    fn arrived(&mut self) -> bool {
        true
    }

    /// Whether the argument just arrived has brought another argument, unknown to the waiters.
    fn needs_others(&self) -> bool {
        false
    }

    /// Whether an engine takes the call over, and is known a moment after the work was taken.
    fn is_handed_over() -> bool {
        false
    }

    /// Whether an argument ended so that the call cannot run. All have ended. Runs no user code.
    fn is_stopped(&self) -> bool {
        false
    }

    /// The end of a stopped call at `own`. Runs no user code but a `From`: the function and the other arguments are left in
    /// `dropped`, since a `Drop` may wait for this call.
    fn stop(self, own: CallSite, dropped: &mut Dropped) -> Result<Self::Output, TaskError>;

    /// Adds the calls with results for this call's arguments.
    fn needs(&self, _needs: &mut Needs) {}

    /// Whether the result of a fallible function is an error.
    #[cfg(feature = "tracing")]
    fn is_err(_result: &Self::Output) -> bool {
        false
    }

    /// Returns the way to the pool, for a call with late arguments. `None` for work without user code: the call runs
    /// where its last argument arrives.
    fn route(&self) -> Option<&Route> {
        None
    }

    /// Takes the route, which the work needs no more once the call is accepted.
    fn take_route(&mut self) -> Option<Route> {
        None
    }

    /// Runs a call without a route, made at `own`, and ends the call or hands over its end.
    fn run_here(self, call: Arc<dyn Promised<Self::Output>>, own: CallSite)
    where
        Self: Sized,
    {
        let mut dropped = Dropped::new();
        call.end(caught(own, || self.run(&mut dropped)));
        discard_all(dropped);
    }
}

/// Leaves nothing behind of the dependant at this address in the calls that its work needs.
pub(crate) fn forget(work: &impl Work, dependant: usize) {
    let mut needs = Needs::new();
    work.needs(&mut needs);
    for need in needs {
        need.forget(dependant);
    }
}

/// Runs the call at `own`, which nobody watches, and returns its end; a panic is an end too.
#[inline]
pub(crate) fn run_unwatched<W: Work>(own: CallSite, work: W, dropped: &mut Dropped) -> Result<W::Output, TaskError> {
    let outcome = caught(own, || work.run(dropped));
    unwatched_end(own, outcome.as_ref().err());
    outcome
}

/// Runs the call at `own` inside of the code around it, and returns its end. `live` is the living part of its tag; `None` if the
/// code of a watcher has made the call.
#[cfg(feature = "hooks")]
#[expect(clippy::inline_always, reason = "the living part was just moved: it would be moved once more")]
#[inline(always)]
pub(crate) fn run_watched<W: Work>(
    own: &CallSite,
    live: Option<Live>,
    work: W,
    dropped: &mut Dropped,
) -> Result<W::Output, TaskError> {
    match live {
        Some(live) => live.run(own, work, dropped, W::run),
        None => run_silent(|| caught(*own, || work.run(dropped))),
    }
}

/// Returns the end of a call at `own` that an argument has stopped, and tells those who watch the call: a call that runs no
/// user code has no watcher.
pub(crate) fn stop_tagged<W: Work>(
    own: CallSite,
    work: W,
    tag: Taken,
    dropped: &mut Dropped,
) -> Result<W::Output, TaskError> {
    let is_watched = work.route().is_some();
    let outcome = caught(own, || work.stop(own, dropped)).unwrap_or_else(Err);
    if is_watched {
        tag.end_unrun(own, &outcome, dropped);
    }
    outcome
}

/// Returns the outcome of the call at `own` with this `tag`, to be dropped: nobody takes the outcome. The drop tells of the error
/// of a fallible function, unless the code of a watcher has made the call.
#[cfg(feature = "tracing")]
pub(crate) fn untaken<W: Work>(own: CallSite, tag: &Tag, outcome: Result<W::Output, TaskError>) -> impl Send + use<W> {
    let has_failed = outcome.as_ref().is_ok_and(W::is_err) && !tag.is_silent();
    (has_failed.then(|| Untaken::new(own)), outcome)
}

/// Returns the outcome of a call, to be dropped: nobody takes the outcome.
#[cfg(not(feature = "tracing"))]
pub(crate) fn untaken<W: Work>(
    _own: CallSite,
    _tag: &Tag,
    outcome: Result<W::Output, TaskError>,
) -> impl Send + use<W> {
    outcome
}

/// As [`untaken`], to be kept for later.
pub(crate) fn untaken_later<W: Work>(own: CallSite, tag: &Tag, outcome: Result<W::Output, TaskError>) -> Box<dyn Send> {
    Box::new(untaken::<W>(own, tag, outcome))
}

/// A call, from the side of its promise.
pub(crate) trait Promised<T>: Send + Sync {
    /// Ends the call.
    fn end(&self, outcome: Result<T, TaskError>);

    /// Notes the engine, which hears of a cancel by the owner of the handle.
    fn run_by(&self, engine: Arc<dyn Elsewhere>);

    /// Whether somebody has a handle.
    fn is_wanted(&self) -> bool;

    /// Notes the hand-over: a promise ends the call, after this thread has taken the work.
    #[cfg(any(feature = "celery", asynctools_model))]
    fn hand_over(&self);
}

/// The way of a call to its pool.
pub(crate) struct Route {
    /// `None`: the pool is gone.
    pub(crate) pool: Option<Arc<dyn Scheduler>>,
    pub(crate) maker: Maker,
    /// Whether a full queue may hold up the caller if the call can start at once. A call that follows another never blocks.
    pub(crate) bounded: bool,
}

impl Route {
    /// Asks the pool whether the pool takes the call.
    pub(crate) fn accept(&self) -> Result<(), TaskError> {
        self.pool.as_ref().ok_or(TaskError::Closed)?.accept(self.maker)
    }

    /// Makes the tag of a call at `site`, which takes this route. `sources` finds the calls whose results the call takes.
    #[cfg(feature = "hooks")]
    pub(crate) fn tag(&self, site: CallSite, sources: &dyn Fn(&mut Sources)) -> Tag {
        self.pool.as_ref().map_or(Tag::NONE, |pool| Tag::new(site, pool.home(), false, sources))
    }
}

/// The work of a promise, which has none.
pub(crate) struct NoWork<T>(Infallible, PhantomData<fn() -> T>);

impl<T: Send + 'static> Work for NoWork<T> {
    type Output = T;

    fn run(self, _dropped: &mut Dropped) -> T {
        match self.0 {}
    }

    fn stop(self, _own: CallSite, _dropped: &mut Dropped) -> Result<T, TaskError> {
        match self.0 {}
    }
}

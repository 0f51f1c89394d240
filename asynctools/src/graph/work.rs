//! The work of a call, and the way to the pool that runs it.

use std::any::Any;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::error::Panic;
use crate::error::TaskError;
use crate::graph::traits::Dropped;
use crate::graph::traits::Maker;
use crate::graph::traits::Needs;
use crate::graph::traits::Scheduler;
use crate::graph::waiters::CancelHook;
use crate::panics::discard;

/// The work of a call: a function with its arguments.
pub(crate) trait Work: Send + 'static {
    type Output: Send + 'static;

    /// Runs the user's function. All arguments are there. Leaves in `dropped` what a panicking `Clone` of an argument has left.
    fn run(self, dropped: &mut Dropped) -> Self::Output;

    /// Takes in that one more argument is there: whether it was the last one.
    fn arrived(&mut self) -> bool {
        true
    }

    /// Whether the argument that was just taken in has brought another one, which the waiters do not know of.
    fn needs_others(&self) -> bool {
        false
    }

    /// Whether an argument ended so that the call cannot run. All have ended. Runs no user code.
    fn is_stopped(&self) -> bool {
        false
    }

    /// The end of a stopped call at `own`. Runs no user code but a `From`: the function and the other arguments are left in
    /// `dropped`, since a `Drop` may wait for this call.
    fn stop(self, own: CallSite, dropped: &mut Dropped) -> Result<Self::Output, TaskError>;

    /// Adds the calls whose results are arguments of this one.
    fn needs(&self, _needs: &mut Needs) {}

    /// Where a call that had to wait for arguments runs; `None`: where its last argument arrives, since no user code is in it.
    fn route(&self) -> Option<Route> {
        None
    }

    /// Runs a call without a route, made at `own`, and ends it, or hands it over to somebody who will.
    fn run_here(self, call: Arc<dyn Promised<Self::Output>>, own: CallSite)
    where
        Self: Sized,
    {
        let mut dropped = Dropped::new();
        call.end(caught(own, || Ok(self.run(&mut dropped))));
        dropped.into_iter().for_each(discard);
    }
}

/// Returns the outcome of `end`, which ends the call made at `own`; a panic is the outcome too.
pub(crate) fn caught<T>(own: CallSite, end: impl FnOnce() -> Result<T, TaskError>) -> Result<T, TaskError> {
    catch_unwind(AssertUnwindSafe(end)).unwrap_or_else(|payload| Err(panicked(own, payload)))
}

/// Returns the end of the call made at `own`, which panicked.
pub(crate) fn panicked(own: CallSite, payload: Box<dyn Any + Send>) -> TaskError {
    TaskError::Panicked(Panic::new(own, payload))
}

/// A call, as the one who holds its promise sees it.
pub(crate) trait Promised<T>: Send + Sync {
    /// Ends the call.
    fn end(&self, outcome: Result<T, TaskError>);

    /// Has `hook` called if the owner of the handle cancels the call.
    fn on_cancel(&self, hook: CancelHook);

    /// Whether somebody has a handle.
    fn is_wanted(&self) -> bool;

    /// Notes that a promise ends the call, whose work this thread has taken.
    #[cfg(any(feature = "celery", asynctools_model))]
    fn hand_over(&self);
}

/// The way of a call to the pool that it runs on.
#[derive(Clone)]
pub(crate) struct Route {
    /// `None`: the pool is gone.
    pub(crate) pool: Option<Arc<dyn Scheduler>>,
    pub(crate) maker: Maker,
    /// Whether a full queue may hold up the caller if the call can start at once. A call that follows another never blocks.
    pub(crate) bounded: bool,
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

//! An argument that is still to come, and its end without a value.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::arguments::bounds::FailsFrom;
use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::traits::Waiter;
use crate::tag::Dropped;

/// An argument that is still to come: the result of one call, or of many.
pub(crate) trait Incoming<T, F>: Send {
    /// Adds the calls that the argument needs, in the order in which their losses count.
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>));

    /// Has `dependant` told of each unfinished call among these calls, and returns their number.
    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        let mut missing = 0;
        self.needs(&mut |call| missing += enlist(&*call, dependant));
        missing
    }

    /// Returns how many of the calls, which all have ended, left no value for this argument. Runs no user code.
    fn stopped(&self) -> usize;

    /// Takes the value, or the first end without one. Runs the user's `Clone` and `From`, and lets no panic of theirs
    /// through. The rest is added to `dropped`.
    fn end(self, dropped: &mut Dropped) -> Result<T, Stop<F>>;
}

/// A [`Incoming`] behind a box. The blanket is the only impl.
pub(crate) trait Source<T, F>: Send {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>));
    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize;
    fn stopped(&self) -> usize;
    fn end(self: Box<Self>, dropped: &mut Dropped) -> Result<T, Stop<F>>;
}

impl<T, F, P: Incoming<T, F>> Source<T, F> for P {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        Incoming::needs(self, add);
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        Incoming::listen(self, dependant)
    }

    fn stopped(&self) -> usize {
        Incoming::stopped(self)
    }

    fn end(self: Box<Self>, dropped: &mut Dropped) -> Result<T, Stop<F>> {
        Incoming::end(*self, dropped)
    }
}

/// The owner of a result that others may own too, as an argument of a call.
pub(crate) trait Holder: Send + Sync {
    fn call(&self) -> Arc<dyn Awaited>;

    /// Has `dependant` told when the result is there, and returns 1 if that is still to come, else 0.
    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize;

    /// Called for a dependant that is gone: leaves nothing of the argument behind in the call.
    fn leave(&self);
}

/// An argument from a [`Holder`], which is in an `Arc` anyway: the argument needs no box.
pub(crate) trait Held<T, F>: Holder {
    /// Whether the call, which has ended, left no value for this argument. Runs no user code.
    fn is_stopped(&self) -> bool;

    /// Takes the value, or the end without one, as [`Incoming::end`].
    fn end(self: Arc<Self>) -> Result<T, Stop<F>>;
}

/// The end of an argument without a value.
pub(crate) enum Stop<F> {
    /// The function of the argument failed, and the dependant passes the error on.
    Failed(F),
    /// The call at that site was lost.
    Lost(TaskError, CallSite),
    /// The user's `Clone` or `From` panicked.
    Panicked(Box<dyn Any + Send>),
}

impl<F> Stop<F> {
    /// Runs `convert`, a user's `Clone` or `From`, and returns its panic as the end of the argument: unwound from here,
    /// the payload would meet the other arguments, whose `Drop` may panic too.
    pub(crate) fn catch<R>(convert: impl FnOnce() -> R) -> Result<R, Self> {
        catch_unwind(AssertUnwindSafe(convert)).map_err(Self::Panicked)
    }

    /// Returns the `Ok` of an argument. The dependant passes an `Err` on.
    pub(crate) fn on_err<T, E>(result: Result<T, E>) -> Result<T, Self>
    where
        F: FailsFrom<E>,
    {
        result.or_else(|error| Err(Self::Failed(Self::catch(|| F::fails_from(error))?)))
    }
}

/// Has `dependant` told of the end of `call`: 1 if that is still to come, else 0.
pub(crate) fn enlist(call: &dyn Awaited, dependant: &Arc<dyn Dependant>) -> usize {
    usize::from(!call.is_done() && call.enlist(Waiter::Dependant(dependant.clone(), 0)).is_none())
}

//! Arguments from shared results.

use std::fmt;
use std::sync::Arc;

use crate::arguments::bounds::FailsFrom;
use crate::arguments::incoming::Held;
use crate::arguments::incoming::Holder;
use crate::arguments::incoming::Stop;
use crate::arguments::incoming::enlist;
use crate::error::TaskError;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::handles::kept::Kept;

/// A shared result, borrowed by a call: keeps the result, and copies nothing.
pub struct SharedRef<O>(Arc<dyn Lends<O>>);

impl<O> SharedRef<O> {
    pub(crate) fn get(&self) -> &O {
        self.0.value()
    }
}

impl<O> fmt::Debug for SharedRef<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRef").finish_non_exhaustive()
    }
}

/// A shared result that a call borrows as an `O`.
trait Lends<O>: Send + Sync {
    /// Returns the value of a call that ended with a value.
    fn value(&self) -> &O;
}

impl<O: Send + Sync> Lends<O> for Kept<O> {
    fn value(&self) -> &O {
        let Ok(value) = self.ended() else { unreachable!("a call whose argument was lost never runs") };
        value
    }
}

impl<O: Send + Sync, E: Send + Sync> Lends<O> for Kept<Result<O, E>> {
    fn value(&self) -> &O {
        let Ok(Ok(value)) = self.ended() else { unreachable!("a call whose argument stopped it never runs") };
        value
    }
}

/// Returns the loss of the call, as the end of an argument.
fn lost<T: Send + Sync, F>(kept: &Kept<T>, error: &TaskError) -> Stop<F> {
    Stop::Lost(error.clone(), kept.hub().site())
}

impl<T: Send + Sync + 'static> Holder for Kept<T> {
    fn call(&self) -> Arc<dyn Awaited> {
        self.hub().clone()
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        enlist(&**self.hub(), dependant)
    }

    fn leave(&self) {}
}

/// The call with the parameter clones the value.
impl<T: Clone + Send + Sync + 'static, F> Held<T, F> for Kept<T> {
    fn is_stopped(&self) -> bool {
        self.ended().is_err()
    }

    fn end(self: Arc<Self>) -> Result<T, Stop<F>> {
        let value = self.ended().as_ref().map_err(|error| lost(&self, error))?;
        Stop::catch(|| value.clone())
    }
}

/// The call with the parameter clones the `Ok`, or passes a clone of an `Err` on.
impl<T, E, F: FailsFrom<E>> Held<T, F> for Kept<Result<T, E>>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    fn is_stopped(&self) -> bool {
        !matches!(self.ended(), Ok(Ok(_)))
    }

    fn end(self: Arc<Self>) -> Result<T, Stop<F>> {
        let result = self.ended().as_ref().map_err(|error| lost(&self, error))?;
        Stop::on_err(Stop::catch(|| result.clone())?)
    }
}

/// The call with a parameter `&O` borrows the value.
impl<O: Send + Sync + 'static, F> Held<SharedRef<O>, F> for Kept<O> {
    fn is_stopped(&self) -> bool {
        self.ended().is_err()
    }

    fn end(self: Arc<Self>) -> Result<SharedRef<O>, Stop<F>> {
        match self.ended() {
            Ok(_) => Ok(SharedRef(self)),
            Err(error) => Err(lost(&self, error)),
        }
    }
}

/// The call with a parameter `&O` borrows the `Ok`, or passes a clone of an `Err` on.
impl<O, E, F: FailsFrom<E>> Held<SharedRef<O>, F> for Kept<Result<O, E>>
where
    O: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    fn is_stopped(&self) -> bool {
        !matches!(self.ended(), Ok(Ok(_)))
    }

    fn end(self: Arc<Self>) -> Result<SharedRef<O>, Stop<F>> {
        match self.ended() {
            Ok(Ok(_)) => Ok(SharedRef(self)),
            Ok(Err(error)) => Err(Stop::Failed(Stop::catch(|| F::fails_from(error.clone()))?)),
            Err(error) => Err(lost(&self, error)),
        }
    }
}

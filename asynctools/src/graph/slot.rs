//! A call, as the owner of its handle sees it.

use std::sync::Arc;

use crate::error::TaskError;
use crate::graph::traits::Job;
use crate::graph::waiters::Lend;
use crate::graph::waiters::Look;

/// A call, as the owner of its handle sees it.
pub(crate) trait Slot<T>: Job {
    /// The result of an ended call.
    fn take(self: Arc<Self>) -> Result<T, TaskError>;

    /// Drops the result, now or after the call has ended: the owner does not want the result.
    fn abandon_result(&self);

    /// Whether the call has ended without a value.
    fn has_failed(&self) -> bool;

    /// The id of a call in the engine that runs the call.
    #[cfg(feature = "celery")]
    fn task_id(&self) -> Option<String>;

    /// Looks at the result of an ended call, under the lock of the call: `look` runs no user code.
    fn peek(&self, look: &mut Look<'_, T>);

    /// Has `lend` clone the result as soon as the call has ended.
    fn lend(&self, lend: Arc<dyn Lend>);

    /// Has `look` clone the result now: `false` if there is none, or somebody else has it out.
    fn lend_now(&self, look: &mut Look<'_, T>) -> bool;
}

//! The worker that the current thread is.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::blocked::BlockedOn;
use crate::graph::traits::AwaitedRef;
use crate::graph::traits::Needs;
use crate::sync::Instant;
use crate::sync::thread_local;

/// The worker that the current thread is.
pub(crate) trait CurrentWorker {
    /// Waits for the end of `call`: `false` when the deadline came first. `workers/blocking.rs` says how the pool goes on
    /// meanwhile.
    fn wait(
        &self,
        call: AwaitedRef<'_>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError>;

    /// Makes the agenda of a wait for several calls; the same worker has to use it.
    fn agenda(&self, calls: Needs, deadline: Option<Instant>) -> Option<Arc<Agenda>>;

    /// Whether this worker made `agenda`.
    fn owns(&self, agenda: &Arc<Agenda>) -> bool;

    /// Gives up the permit and parks until `is_over`: another thread makes `is_over` true, then unparks this thread.
    /// Returns `false` when the deadline came first.
    fn block(&self, on: BlockedOn, is_over: &dyn Fn() -> bool, deadline: Option<Instant>) -> bool;

    /// Gives up the permit, for code that waits and that the pool cannot see. Returns whether the caller has to
    /// [`come_back`](Self::come_back).
    fn leave(&self) -> bool;

    /// Takes the permit again, at once.
    fn come_back(&self);

    /// Whether enough stack is left to run another call inside the current call.
    fn has_stack(&self) -> bool;
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn CurrentWorker>>> = const { RefCell::new(None) };
}

/// Makes the current thread a worker, or with `None` an ordinary thread again.
pub(crate) fn set_current(worker: Option<Rc<dyn CurrentWorker>>) {
    drop(CURRENT.with(|current| current.replace(worker)));
}

pub(crate) fn current() -> Option<Rc<dyn CurrentWorker>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

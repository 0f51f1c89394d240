//! The worker that the current thread is, and the pool whose call the thread runs.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::notify::drain;
use crate::graph::traits::Call;
use crate::graph::traits::PoolId;
use crate::sync::Instant;
use crate::sync::thread_local;

/// The worker that the current thread is.
pub(crate) trait CurrentWorker {
    fn pool_id(&self) -> PoolId;

    /// Waits for the end of `call`: `false` when the deadline came first. See `worker.rs` for how a pool goes on meanwhile.
    fn wait(
        &self,
        call: &Arc<dyn Call>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError>;

    /// A list of agenda for a wait on several calls; the same worker has to use it.
    fn agenda(&self, calls: Vec<Arc<dyn Call>>) -> Arc<Agenda>;

    /// Whether `agenda` was made by this worker.
    fn owns(&self, agenda: &Arc<Agenda>) -> bool;

    /// Gives up the place for a wait that is not for a call.
    fn release(&self);

    /// Takes a place again, at once.
    fn come_back(&self);

    /// Whether there is stack enough to run another call inside this one.
    fn has_stack(&self) -> bool;
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<dyn CurrentWorker>>> = const { RefCell::new(None) };
    /// The pool whose call this thread runs. Has no destructor, so that it can be read from those of the user.
    static INSIDE: Cell<PoolId> = const { Cell::new(PoolId::NONE) };
}

/// Makes the current thread a worker of `home`, or with `None` an ordinary thread again.
pub(crate) fn set_current(home: PoolId, here: Option<Rc<dyn CurrentWorker>>) {
    INSIDE.with(|inside| inside.set(home));
    drop(CURRENT.with(|own| own.replace(here)));
}

pub(crate) fn current() -> Option<Rc<dyn CurrentWorker>> {
    CURRENT.try_with(|here| here.borrow().clone()).ok().flatten()
}

/// Whether the current thread is in a call of `home`, so that its limits do not hold here.
pub(crate) fn is_inside(home: PoolId) -> bool {
    INSIDE.with(Cell::get) == home || current().is_some_and(|here| here.pool_id() == home)
}

/// Runs `f` as a call of `home` on a thread that does not belong to it.
pub(crate) fn as_guest<R>(home: PoolId, f: impl FnOnce() -> R) -> R {
    struct Back(PoolId);
    impl Drop for Back {
        fn drop(&mut self) {
            INSIDE.with(|inside| inside.set(self.0));
        }
    }
    let _back = Back(INSIDE.with(|inside| inside.replace(home)));
    f()
}

/// Runs `f`, which blocks on something that is not a call; on a worker, its place is free meanwhile.
pub(crate) fn blocking<R>(f: impl FnOnce() -> R) -> R {
    drain();
    let Some(here) = current() else { return f() };
    here.release();
    let result = f();
    here.come_back();
    result
}

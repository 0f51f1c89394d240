//! Arguments that are cloned out of a borrowed handle.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::arguments::bounds::CloneOut;
use crate::arguments::bounds::FailsFrom;
use crate::arguments::incoming::Held;
use crate::arguments::incoming::Holder;
use crate::arguments::incoming::Stop;
use crate::error::TaskError;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::waiters::Lend;
use crate::handles::value::AsyncValue;
use crate::panics::discard;
use crate::panics::lock;
use crate::sync::Mutex;
use crate::tag::wants_sources;

/// A clone of the result of a call, as soon as the call has ended.
pub(crate) struct Relay<T> {
    call: Arc<dyn Awaited>,
    clone: Mutex<Relayed<T>>,
}

enum Relayed<T> {
    Awaited(Option<Arc<dyn Dependant>>),
    There(Copied<T>),
    Taken,
}

/// A clone, or the panic of its `Clone`, which is the end of the dependant and not of the call; or the loss of the
/// call.
type Copied<T> = Result<std::thread::Result<T>, TaskError>;

impl<T: CloneOut + Send + 'static> Lend for Relay<T> {
    fn lend(self: Arc<Self>, outcome: &dyn Any) {
        let outcome = outcome.downcast_ref::<Result<T, TaskError>>();
        let Some(outcome) = outcome else { unreachable!("the relay was made for a handle of this call") };
        let there = Relayed::There(copy(outcome.as_ref()));
        let awaited = std::mem::replace(&mut *lock(&self.clone), there);
        if let Relayed::Awaited(Some(dependant)) = awaited {
            notify::arrive(dependant, 0);
        }
        // The dependant may have been cancelled: then the clone is dropped here, by a `Drop` of the user's.
        discard(self);
    }
}

fn copy<T: CloneOut>(outcome: Result<&T, &TaskError>) -> Copied<T> {
    let clone = |value: &T| catch_unwind(AssertUnwindSafe(|| value.clone_out()));
    outcome.map(clone).map_err(TaskError::clone)
}

/// Returns a clone of the result if the call has ended with a value; otherwise the argument, which waits for the clone.
pub(crate) fn clone_of<T: CloneOut + Send + 'static>(value: &AsyncValue<T>) -> Result<T, Arc<Relay<T>>> {
    let mut ended = None;
    value.node().lend_now(&mut |outcome| ended = Some(copy(outcome)));
    match ended {
        // A watcher wants to know the call of the value.
        Some(Ok(Ok(clone))) if wants_sources() => Err(Relay::there(value, clone)),
        Some(Ok(Ok(clone))) => Ok(clone),
        Some(without) => Err(Relay::new(value, Relayed::There(without))),
        None => {
            let relay = Relay::new(value, Relayed::Awaited(None));
            value.node().lend(relay.clone());
            Err(relay)
        }
    }
}

impl<T> Relay<T> {
    /// Returns the argument with its clone.
    pub(crate) fn there(value: &AsyncValue<T>, clone: T) -> Arc<Self> {
        Self::new(value, Relayed::There(Ok(Ok(clone))))
    }

    fn new(value: &AsyncValue<T>, relayed: Relayed<T>) -> Arc<Self> {
        Arc::new(Self { call: value.node().clone(), clone: Mutex::new(relayed) })
    }

    fn is_good(&self, good: fn(&T) -> bool) -> bool {
        matches!(&*lock(&self.clone), Relayed::There(Ok(Ok(clone))) if good(clone))
    }

    /// Takes the clone, or the end without one.
    fn take<F>(&self) -> Result<T, Stop<F>> {
        let relayed = std::mem::replace(&mut *lock(&self.clone), Relayed::Taken);
        let Relayed::There(copied) = relayed else { unreachable!("asked once, after the end of the call") };
        match copied {
            Ok(clone) => clone.map_err(Stop::Panicked),
            Err(error) => Err(Stop::Lost(error, self.call.site())),
        }
    }
}

impl<T: Send> Holder for Relay<T> {
    fn call(&self) -> Arc<dyn Awaited> {
        self.call.clone()
    }

    /// The dependant is told when the clone is there, which is after the end of the call.
    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        let Relayed::Awaited(awaits) = &mut *lock(&self.clone) else { return 0 };
        *awaits = Some(dependant.clone());
        1
    }

    fn leave(&self) {
        if matches!(&*lock(&self.clone), Relayed::Awaited(_)) {
            self.call.forget(std::ptr::from_ref(self).addr());
        }
    }
}

impl<T: Send, F> Held<T, F> for Relay<T> {
    fn is_stopped(&self) -> bool {
        !self.is_good(|_| true)
    }

    fn end(self: Arc<Self>) -> Result<T, Stop<F>> {
        self.take()
    }
}

impl<T: Send, E: Send, F: FailsFrom<E>> Held<T, F> for Relay<Result<T, E>> {
    fn is_stopped(&self) -> bool {
        !self.is_good(Result::is_ok)
    }

    fn end(self: Arc<Self>) -> Result<T, Stop<F>> {
        Stop::on_err(self.take()?)
    }
}

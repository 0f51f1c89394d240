//! Arguments that are cloned out of a borrowed handle.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::arguments::bounds::CloneOut;
use crate::arguments::incoming::Stop;
use crate::arguments::source::Single;
use crate::error::TaskError;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::waiters::Lend;
use crate::graph::waiters::address;
use crate::handles::value::AsyncValue;
use crate::panics::discard;
use crate::panics::lock;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::tag::wants_sources;

/// A clone of the result of a call, as soon as the call has ended.
struct Relay<T>(Mutex<Relayed<T>>);

enum Relayed<T> {
    Awaited(Option<Arc<dyn Dependant>>),
    There(Copied<T>),
    Taken,
}

/// A clone, or the panic of its `Clone`, which is the end of the dependant and not of the call; or the loss of the
/// call.
type Copied<T> = Result<std::thread::Result<T>, TaskError>;

impl<T: CloneOut + Send + 'static> Lend<T> for Relay<T> {
    fn lend(self: Arc<Self>, outcome: Result<&T, &TaskError>) {
        let there = Relayed::There(copy(outcome));
        let awaited = std::mem::replace(&mut *lock(&self.0), there);
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

/// A borrowed handle, as an argument.
pub(crate) struct Cloned<T> {
    call: Arc<dyn Awaited>,
    /// `None` once the clone is taken: a dependant that has run leaves nothing behind.
    relay: Option<Arc<Relay<T>>>,
}

impl<T: CloneOut + Send + 'static> Cloned<T> {
    /// Returns the clone if the call has ended with a value; otherwise the argument, which waits for the clone.
    pub(crate) fn of(value: &AsyncValue<T>) -> Result<T, Self> {
        let mut ended = None;
        value.node().lend_now(&mut |outcome| ended = Some(copy(outcome)));
        match ended {
            // A watcher wants to know the call of the value.
            Some(Ok(Ok(clone))) if wants_sources() => Err(Self::there(value, clone)),
            Some(Ok(Ok(clone))) => Ok(clone),
            Some(without) => Err(Self::new(value, Relayed::There(without))),
            None => {
                let relay = Arc::new(Relay(Mutex::new(Relayed::Awaited(None))));
                value.node().lend(relay.clone());
                Err(Self { call: value.node().clone(), relay: Some(relay) })
            }
        }
    }
}

impl<T> Cloned<T> {
    /// Returns the argument with its clone.
    pub(crate) fn there(value: &AsyncValue<T>, clone: T) -> Self {
        Self::new(value, Relayed::There(Ok(Ok(clone))))
    }

    fn new(value: &AsyncValue<T>, relayed: Relayed<T>) -> Self {
        Self { call: value.node().clone(), relay: Some(Arc::new(Relay(Mutex::new(relayed)))) }
    }

    fn relayed(&self) -> Option<MutexGuard<'_, Relayed<T>>> {
        self.relay.as_ref().map(|relay| lock(&relay.0))
    }
}

/// An argument of a cancelled call leaves nothing behind in the call whose result the argument is.
impl<T> Drop for Cloned<T> {
    fn drop(&mut self) {
        if let Some(relay) = &self.relay
            && matches!(&*lock(&relay.0), Relayed::Awaited(_))
        {
            self.call.forget(address(relay));
        }
    }
}

impl<T: Send> Single for Cloned<T> {
    type Value = T;

    fn call(&self) -> Arc<dyn Awaited> {
        self.call.clone()
    }

    /// The dependant is told when the clone is there, which is after the end of the call.
    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        let Some(mut relayed) = self.relayed() else { return 0 };
        let Relayed::Awaited(awaits) = &mut *relayed else { return 0 };
        *awaits = Some(dependant.clone());
        1
    }

    fn is_good(&self, good: fn(&T) -> bool) -> bool {
        self.relayed().is_some_and(|relayed| matches!(&*relayed, Relayed::There(Ok(Ok(clone))) if good(clone)))
    }

    fn end<F>(mut self) -> Result<T, Stop<F>> {
        let relayed = self.relay.take().map(|relay| std::mem::replace(&mut *lock(&relay.0), Relayed::Taken));
        let Some(Relayed::There(copied)) = relayed else { unreachable!("asked once, after the end of the call") };
        match copied {
            Ok(clone) => clone.map_err(Stop::Panicked),
            Err(error) => Err(Stop::Lost(error, self.call.site())),
        }
    }
}

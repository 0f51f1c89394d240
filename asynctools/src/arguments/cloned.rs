//! Arguments that are cloned out of a borrowed handle.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;

use crate::arguments::bounds::CloneOut;
use crate::arguments::bounds::FailsFrom;
use crate::arguments::input::Source;
use crate::arguments::input::Stop;
use crate::error::TaskError;
use crate::graph::traits::Call;
use crate::graph::traits::Dependant;
use crate::graph::traits::Waiter;
use crate::graph::waiters::Lend;
use crate::handles::value::AsyncValue;
use crate::panics::discard;
use crate::panics::lock;
use crate::sync::Mutex;

/// A clone of the result of a call, as soon as there is one. The panic of a `Clone` is a payload here and the dependant's when
/// it runs: the call itself has nothing to do with it.
pub(crate) struct Relay<T>(Mutex<Relayed<T>>);

pub(crate) enum Relayed<T> {
    Awaited(Option<Arc<dyn Dependant>>),
    There(Result<std::thread::Result<T>, TaskError>),
    Taken,
}

impl<T> Relay<T> {
    pub(crate) fn look(&self, look: impl FnOnce(&Result<std::thread::Result<T>, TaskError>) -> bool) -> bool {
        matches!(&*lock(&self.0), Relayed::There(outcome) if look(outcome))
    }
}

impl<T: CloneOut + Send + 'static> Lend<T> for Relay<T> {
    fn lend(self: Arc<Self>, outcome: Result<&T, &TaskError>) {
        let there = Relayed::There(outcome.map(clone_caught).map_err(TaskError::clone));
        let awaited = std::mem::replace(&mut *lock(&self.0), there);
        if let Relayed::Awaited(Some(next)) = awaited {
            Waiter::Dependant(next, 0).fire();
        }
        // Nobody else may want the clone any more, and its `Drop` is a user's.
        discard(self);
    }
}

fn clone_caught<T: CloneOut>(value: &T) -> std::thread::Result<T> {
    catch_unwind(AssertUnwindSafe(|| value.clone_out()))
}

/// A borrowed handle.
pub(crate) struct Cloned<T> {
    call: Arc<dyn Call>,
    relay: Arc<Relay<T>>,
}

impl<T: CloneOut + Send + 'static> Cloned<T> {
    /// The clone if there is one already, which costs nothing more; else the way to it.
    pub(crate) fn of(value: &AsyncValue<T>) -> Result<T, Self> {
        let mut ended = None;
        value.node().lend_now(&mut |outcome| ended = Some(outcome.map(clone_caught).map_err(TaskError::clone)));
        match ended {
            Some(Ok(Ok(clone))) => Ok(clone),
            Some(without) => Err(Self::new(value, Relayed::There(without))),
            None => {
                let cloned = Self::new(value, Relayed::Awaited(None));
                value.node().lend(cloned.relay.clone());
                Err(cloned)
            }
        }
    }
}

impl<T> Cloned<T> {
    pub(crate) fn new(value: &AsyncValue<T>, relayed: Relayed<T>) -> Self {
        Self { call: value.node().clone(), relay: Arc::new(Relay(Mutex::new(relayed))) }
    }

    pub(crate) fn listen(&self, next: &Arc<dyn Dependant>) -> usize {
        let Relayed::Awaited(awaits) = &mut *lock(&self.relay.0) else { return 0 };
        *awaits = Some(next.clone());
        1
    }

    /// What has arrived.
    pub(crate) fn outcome(&self) -> Result<std::thread::Result<T>, TaskError> {
        let relayed = std::mem::replace(&mut *lock(&self.relay.0), Relayed::Taken);
        let Relayed::There(outcome) = relayed else { unreachable!("asked once, after the end of the call") };
        outcome
    }

    pub(crate) fn value(&self) -> T {
        let Ok(clone) = self.outcome() else { unreachable!("a stopped call never runs") };
        clone.unwrap_or_else(|payload| resume_unwind(payload))
    }
}

impl<T: Send, F> Source<T, F> for Cloned<T> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.call.clone());
    }

    fn listen(&self, next: &Arc<dyn Dependant>) -> usize {
        self.listen(next)
    }

    fn stopped(&self) -> usize {
        usize::from(self.relay.look(Result::is_err))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        match self.outcome() {
            Ok(unused) => {
                discard(unused);
                None
            }
            Err(error) => Some(Stop::Lost(error, self.call.site())),
        }
    }

    fn take(self: Box<Self>) -> T {
        self.value()
    }
}

/// As [`Cloned`], of a `Result` whose `Err` the dependant passes on.
pub(crate) struct TryCloned<T, E>(pub(crate) Cloned<Result<T, E>>);

impl<T: Send, E: Send, F: FailsFrom<E>> Source<T, F> for TryCloned<T, E> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.call.clone());
    }

    fn listen(&self, next: &Arc<dyn Dependant>) -> usize {
        self.0.listen(next)
    }

    fn stopped(&self) -> usize {
        usize::from(self.0.relay.look(|outcome| matches!(outcome, Err(_) | Ok(Ok(Err(_))))))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        match self.0.outcome() {
            Ok(Ok(Err(error))) => Some(Stop::Failed(F::fails_from(error))),
            Ok(unused) => {
                discard(unused);
                None
            }
            Err(error) => Some(Stop::Lost(error, self.0.call.site())),
        }
    }

    fn take(self: Box<Self>) -> T {
        let Ok(value) = self.0.value() else { unreachable!("a stopped call never runs") };
        value
    }
}

//! Arguments that come from handles: one result, a list, a shared one.

use std::fmt;
use std::sync::Arc;

use crate::arguments::bounds::FailsFrom;
use crate::arguments::input::Source;
use crate::arguments::input::Stop;
use crate::arguments::input::stop_of;
use crate::arguments::input::value_of;
use crate::graph::traits::Call;
use crate::handles::shared::Shared;
use crate::handles::value::AsyncValue;
use crate::panics::discard;

/// The loss or failure of a call that has ended.
pub(crate) fn stop_of_result<T, E, F: FailsFrom<E>>(value: AsyncValue<Result<T, E>>) -> Option<Stop<F>> {
    let site = value.node().site();
    match value.into_outcome() {
        Ok(Ok(value)) => {
            discard(value);
            None
        }
        Ok(Err(error)) => Some(Stop::Failed(F::fails_from(error))),
        Err(error) => Some(Stop::Lost(error, site)),
    }
}

/// Whether a call that has ended did so with `Ok`.
pub(crate) fn is_ok<T, E>(value: &AsyncValue<Result<T, E>>) -> bool {
    let mut ok = false;
    value.node().peek(&mut |outcome| ok = matches!(outcome, Ok(Ok(_))));
    ok
}

/// A handle to a `Result`, whose `Err` the dependant passes on.
pub(crate) struct Try<T, E>(pub(crate) AsyncValue<Result<T, E>>);

impl<T, E, F: FailsFrom<E>> Source<T, F> for Try<T, E> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.node().clone());
    }

    fn stopped(&self) -> usize {
        usize::from(!is_ok(&self.0))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        stop_of_result(self.0)
    }

    fn take(self: Box<Self>) -> T {
        let Ok(value) = value_of(self.0) else { unreachable!("a stopped call never runs") };
        value
    }
}

/// A shared result and what the call gets of it: a clone, or a reference that keeps it.
pub(crate) struct FromShared<T, U>(pub(crate) Shared<T>, pub(crate) fn(Shared<T>) -> U);

impl<T: Send + Sync + 'static, U, F> Source<U, F> for FromShared<T, U> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        usize::from(self.0.is_error())
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        let error = self.0.ended().as_ref().err()?.clone();
        Some(Stop::Lost(error, self.0.call().site()))
    }

    fn take(self: Box<Self>) -> U {
        (self.1)(self.0)
    }
}

/// As [`FromShared`], of a `Result` whose `Err` is cloned and passed on.
pub(crate) struct TryFromShared<T, E, U>(pub(crate) Shared<Result<T, E>>, pub(crate) fn(Shared<Result<T, E>>) -> U);

impl<T, E, U, F> Source<U, F> for TryFromShared<T, E, U>
where
    T: Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    F: FailsFrom<E>,
{
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        add(self.0.call());
    }

    fn stopped(&self) -> usize {
        usize::from(!matches!(self.0.ended(), Ok(Ok(_))))
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        match self.0.ended() {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(Stop::Failed(F::fails_from(error.clone()))),
            Err(error) => Some(Stop::Lost(error.clone(), self.0.call().site())),
        }
    }

    fn take(self: Box<Self>) -> U {
        (self.1)(self.0)
    }
}

/// A shared result that a call borrows from: keeps it, and copies nothing.
pub struct SharedRef<O>(pub(crate) Arc<dyn Lent<O>>);

impl<O> fmt::Debug for SharedRef<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedRef").finish_non_exhaustive()
    }
}

pub(crate) trait Lent<O>: Send + Sync {
    fn lent(&self) -> &O;
}

impl<O: Send + Sync + 'static> Lent<O> for Shared<O> {
    fn lent(&self) -> &O {
        self.get()
    }
}

/// The `Ok` of a shared `Result`.
pub(crate) struct OkOf<O, E>(pub(crate) Shared<Result<O, E>>);

impl<O: Send + Sync + 'static, E: Send + Sync + 'static> Lent<O> for OkOf<O, E> {
    fn lent(&self) -> &O {
        let Ok(value) = self.0.get() else { unreachable!("a stopped call never runs") };
        value
    }
}

/// All results of a list.
pub(crate) struct All<T>(pub(crate) Vec<AsyncValue<T>>);

pub(crate) fn calls_of<T>(values: &[AsyncValue<T>]) -> Vec<Arc<dyn Call>> {
    let pending = values.iter().filter(|value| !value.is_finished());
    pending.map(|value| -> Arc<dyn Call> { value.node().clone() }).collect()
}

fn needs_of<T>(values: &[AsyncValue<T>], add: &mut dyn FnMut(Arc<dyn Call>)) {
    for value in values {
        add(value.node().clone());
    }
}

/// The first end without a value; the rest is dropped.
fn first_stop<T, F>(values: Vec<AsyncValue<T>>, stop: impl Fn(AsyncValue<T>) -> Option<Stop<F>>) -> Option<Stop<F>> {
    let mut values = values.into_iter();
    let first = values.find_map(stop);
    values.for_each(discard);
    first
}

impl<T, F> Source<Vec<T>, F> for All<T> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        needs_of(&self.0, add);
    }

    fn stopped(&self) -> usize {
        self.0.iter().filter(|value| value.is_error()).count()
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        first_stop(self.0, |value| stop_of(value))
    }

    fn take(self: Box<Self>) -> Vec<T> {
        self.0.into_iter().map(value_of).collect()
    }
}

/// All `Ok`s of a list; its first `Err` the dependant passes on.
pub(crate) struct TryAll<T, E>(pub(crate) Vec<AsyncValue<Result<T, E>>>);

impl<T, E, F: FailsFrom<E>> Source<Vec<T>, F> for TryAll<T, E> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
        needs_of(&self.0, add);
    }

    fn stopped(&self) -> usize {
        self.0.iter().filter(|value| !is_ok(value)).count()
    }

    fn stop(self: Box<Self>) -> Option<Stop<F>> {
        first_stop(self.0, stop_of_result)
    }

    fn take(self: Box<Self>) -> Vec<T> {
        let ok = |value| match value_of(value) {
            Ok(value) => value,
            Err(_) => unreachable!("a stopped call never runs"),
        };
        self.0.into_iter().map(ok).collect()
    }
}

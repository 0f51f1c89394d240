//! The arguments of a call, there or to come.

use std::fmt;
use std::sync::Arc;

use crate::arguments::incoming::Held;
use crate::arguments::incoming::Incoming;
use crate::arguments::incoming::Source;
use crate::arguments::incoming::Stop;
use crate::arguments::source::Whole;
use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::error::panicked;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::handles::value::AsyncValue;
use crate::tag::Dropped;
use crate::tag::wants_sources;

/// One argument of a call, there or to come.
pub struct Input<T, F>(InputKind<T, F>);

enum InputKind<T, F> {
    Ready(T),
    /// A moved handle needs no allocation.
    Value(Whole<T>),
    /// A shared result, or a clone to come, needs none either.
    Held(HeldInput<T, F>),
    Source(Box<dyn Source<T, F>>),
}

/// Leaves nothing behind in the call of the argument: `None` after the end of the argument.
struct HeldInput<T, F>(Option<Arc<dyn Held<T, F>>>);

impl<T, F> Drop for HeldInput<T, F> {
    fn drop(&mut self) {
        if let Some(held) = &self.0 {
            held.leave();
        }
    }
}

impl<T, F> Incoming<T, F> for HeldInput<T, F> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Awaited>)) {
        self.0.iter().for_each(|held| add(held.call()));
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        self.0.as_ref().map_or(0, |held| held.listen(dependant))
    }

    fn stopped(&self) -> usize {
        self.0.as_ref().map_or(0, |held| usize::from(held.is_stopped()))
    }

    fn end(mut self, _dropped: &mut Dropped) -> Result<T, Stop<F>> {
        let Some(held) = self.0.take() else { unreachable!("taken here, by value") };
        held.end()
    }
}

impl<T, F> fmt::Debug for Input<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

impl<T, F> Input<T, F> {
    pub(crate) fn ready(value: T) -> Self {
        Self(InputKind::Ready(value))
    }

    pub(crate) fn value(value: AsyncValue<T>) -> Self {
        // A watcher wants to know the call of the value.
        if wants_sources() {
            return Self(InputKind::Value(Whole(value)));
        }
        // A call that has all its arguments is smaller than one that waits for some.
        match value.into_value() {
            Ok(value) => Self::ready(value),
            Err(value) => Self(InputKind::Value(Whole(value))),
        }
    }

    pub(crate) fn incoming(incoming: impl Incoming<T, F> + 'static) -> Self {
        Self(InputKind::Source(Box::new(incoming)))
    }

    pub(crate) fn held(held: Arc<dyn Held<T, F>>) -> Self {
        Self(InputKind::Held(HeldInput(Some(held))))
    }

    /// Returns what the argument comes from, if it is still to come.
    fn source(&self) -> Option<&dyn Source<T, F>> {
        match &self.0 {
            InputKind::Ready(_) => None,
            InputKind::Value(value) => Some(value),
            InputKind::Held(held) => Some(held),
            InputKind::Source(source) => Some(&**source),
        }
    }

    fn stopped(&self) -> usize {
        self.source().map_or(0, Source::stopped)
    }

    #[inline]
    fn into_ready(self) -> T {
        let InputKind::Ready(value) = self.0 else { unreachable!("asked only if the argument is there") };
        value
    }

    fn end(self, dropped: &mut Dropped) -> Result<T, Stop<F>> {
        match self.0 {
            InputKind::Ready(value) => Ok(value),
            InputKind::Value(value) => Incoming::end(value, dropped),
            InputKind::Held(held) => Incoming::end(held, dropped),
            InputKind::Source(source) => source.end(dropped),
        }
    }
}

/// All arguments of a call, as nested pairs: `(((), Input<A, F>), Input<B, F>)`.
#[expect(private_interfaces, reason = "expansions name the trait; only this crate calls its methods")]
pub trait Inputs<F>: Send + 'static {
    /// The values, nested likewise: `(((), A), B)`.
    type Values: Send + 'static;

    #[doc(hidden)]
    fn are_ready(&self) -> bool;
    /// Takes the values, if all [are ready](Self::are_ready).
    #[doc(hidden)]
    fn into_ready(self) -> Self::Values;
    #[doc(hidden)]
    fn needs(&self, needs: &mut Vec<Arc<dyn Awaited>>);
    #[doc(hidden)]
    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize;
    #[doc(hidden)]
    fn stopped(&self) -> usize;
    /// Takes the values of a call that no argument has stopped. The `Clone` of a [`Shared`](crate::Shared) may still
    /// panic.
    #[doc(hidden)]
    fn end(self, dropped: &mut Dropped) -> Result<Self::Values, Stop<F>>;
    /// Takes the first end that has stopped the call, in the order of the parameters, and leaves the other arguments in
    /// `dropped`.
    #[doc(hidden)]
    fn stop(self, dropped: &mut Dropped) -> Option<Stop<F>>;
}

#[expect(private_interfaces, reason = "as on the trait")]
impl<F: 'static> Inputs<F> for () {
    type Values = ();

    #[inline]
    fn are_ready(&self) -> bool {
        true
    }

    #[inline]
    fn into_ready(self) {}

    fn needs(&self, _needs: &mut Vec<Arc<dyn Awaited>>) {}

    fn listen(&self, _dependant: &Arc<dyn Dependant>) -> usize {
        0
    }

    fn stopped(&self) -> usize {
        0
    }

    fn end(self, _dropped: &mut Dropped) -> Result<(), Stop<F>> {
        Ok(())
    }

    fn stop(self, _dropped: &mut Dropped) -> Option<Stop<F>> {
        None
    }
}

#[expect(private_interfaces, reason = "as on the trait")]
impl<F: 'static, A: Inputs<F>, T: Send + 'static> Inputs<F> for (A, Input<T, F>) {
    type Values = (A::Values, T);

    #[inline]
    fn are_ready(&self) -> bool {
        matches!(self.1.0, InputKind::Ready(_)) && self.0.are_ready()
    }

    #[inline]
    fn into_ready(self) -> Self::Values {
        (self.0.into_ready(), self.1.into_ready())
    }

    fn needs(&self, needs: &mut Vec<Arc<dyn Awaited>>) {
        self.0.needs(needs);
        if let Some(source) = self.1.source() {
            source.needs(&mut |call| needs.push(call));
        }
    }

    fn listen(&self, dependant: &Arc<dyn Dependant>) -> usize {
        self.0.listen(dependant) + self.1.source().map_or(0, |source| source.listen(dependant))
    }

    fn stopped(&self) -> usize {
        self.0.stopped() + self.1.stopped()
    }

    fn end(self, dropped: &mut Dropped) -> Result<Self::Values, Stop<F>> {
        let (inputs, input) = self;
        let values = match inputs.end(dropped) {
            Ok(values) => values,
            Err(stop) => {
                dropped.push(Box::new(input));
                return Err(stop);
            }
        };
        match input.end(dropped) {
            Ok(value) => Ok((values, value)),
            Err(stop) => {
                dropped.push(Box::new(values));
                Err(stop)
            }
        }
    }

    fn stop(self, dropped: &mut Dropped) -> Option<Stop<F>> {
        let stop = self.0.stop(dropped);
        if stop.is_none() && self.1.stopped() > 0 {
            return self.1.end(dropped).err();
        }
        dropped.push(Box::new(self.1));
        stop
    }
}

/// Returns the end of a call at `own` that an argument has stopped, and leaves the other arguments in `dropped`.
pub(crate) fn stopped_end<A: Inputs<F>, F, R>(
    inputs: A,
    own: CallSite,
    fail: fn(F) -> R,
    dropped: &mut Dropped,
) -> Result<R, TaskError> {
    let others = inputs.stopped().saturating_sub(1);
    match inputs.stop(dropped) {
        Some(Stop::Failed(error)) => Ok(fail(error)),
        Some(Stop::Lost(error, site)) => Err(error.through(site, own, others)),
        Some(Stop::Panicked(payload)) => Err(panicked(own, payload)),
        None => unreachable!("asked only when an argument has stopped the call"),
    }
}

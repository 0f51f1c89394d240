//! The arguments of a call, there or to come.

use std::fmt;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::traits::Call;
use crate::graph::traits::Dependant;
use crate::graph::traits::Waiter;
use crate::handles::value::AsyncValue;
use crate::panics::discard;

/// One argument of a call, there or to come.
pub struct Input<T, F>(Kind<T, F>);

enum Kind<T, F> {
    Ready(T),
    /// A moved handle needs no allocation.
    Value(AsyncValue<T>),
    Source(Box<dyn Source<T, F>>),
}

impl<T, F> fmt::Debug for Input<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

/// Where an argument comes from that is not there yet. `needs` are its calls in the order that errors count.
pub(crate) trait Source<T, F>: Send {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>));

    /// Has `next` told of each call of `needs` that is still to come: of how many.
    fn listen(&self, next: &Arc<dyn Dependant>) -> usize {
        let mut missing = 0;
        self.needs(&mut |call| missing += listen(&*call, next));
        missing
    }

    /// How many of the calls ended so that there is no value. All have ended.
    fn stopped(&self) -> usize;

    /// The first of those ends.
    fn stop(self: Box<Self>) -> Option<Stop<F>>;

    /// The value. None of the calls has stopped it.
    fn take(self: Box<Self>) -> T;
}

/// The end of an argument without a value.
pub(crate) enum Stop<F> {
    /// Its function failed, and the dependant can pass that on.
    Failed(F),
    /// The call at that site was lost.
    Lost(TaskError, CallSite),
}

impl<T, F> Input<T, F> {
    pub(crate) fn ready(value: T) -> Self {
        Self(Kind::Ready(value))
    }

    pub(crate) fn value(value: AsyncValue<T>) -> Self {
        // A call whose arguments are all there is a smaller one.
        if value.is_finished() && !value.is_error() {
            return Self::ready(value_of(value));
        }
        Self(Kind::Value(value))
    }

    pub(crate) fn source(source: impl Source<T, F> + 'static) -> Self {
        Self(Kind::Source(Box::new(source)))
    }

    fn stopped(&self) -> usize {
        match &self.0 {
            Kind::Ready(_) => 0,
            Kind::Value(value) => usize::from(value.is_error()),
            Kind::Source(source) => source.stopped(),
        }
    }

    fn stop(self) -> Option<Stop<F>> {
        match self.0 {
            Kind::Ready(value) => {
                discard(value);
                None
            }
            Kind::Value(value) => stop_of(value),
            Kind::Source(source) => source.stop(),
        }
    }

    fn take(self) -> T {
        match self.0 {
            Kind::Ready(value) => value,
            Kind::Value(value) => value_of(value),
            Kind::Source(source) => source.take(),
        }
    }
}

fn listen(call: &dyn Call, next: &Arc<dyn Dependant>) -> usize {
    usize::from(call.enlist(Waiter::Dependant(next.clone(), 0)).is_none())
}

/// The loss of a call that has ended; its value, if it has one, is dropped.
pub(crate) fn stop_of<T, F>(value: AsyncValue<T>) -> Option<Stop<F>> {
    let site = value.node().site();
    match value.into_outcome() {
        Ok(value) => {
            discard(value);
            None
        }
        Err(error) => Some(Stop::Lost(error, site)),
    }
}

/// The value of a call that has ended with one.
pub(crate) fn value_of<T>(value: AsyncValue<T>) -> T {
    let Ok(value) = value.into_outcome() else { unreachable!("a stopped call never runs") };
    value
}

/// All arguments of a call, as nested pairs: `(((), Input<A, F>), Input<B, F>)`.
#[expect(private_interfaces, reason = "expansions name the trait; only this crate calls its methods")]
pub trait Inputs<F>: Send + 'static {
    /// The values, nested likewise: `(((), A), B)`.
    type Values: Send + 'static;

    #[doc(hidden)]
    fn are_ready(&self) -> bool;
    #[doc(hidden)]
    fn take(self) -> Self::Values;
    #[doc(hidden)]
    fn needs(&self, needs: &mut Vec<Arc<dyn Call>>);
    #[doc(hidden)]
    fn listen(&self, next: &Arc<dyn Dependant>) -> usize;
    #[doc(hidden)]
    fn stopped(&self) -> usize;
    #[doc(hidden)]
    fn stop(self) -> Option<Stop<F>>;
}

#[expect(private_interfaces, reason = "as on the trait")]
impl<F: 'static> Inputs<F> for () {
    type Values = ();

    fn are_ready(&self) -> bool {
        true
    }

    fn take(self) {}

    fn needs(&self, _needs: &mut Vec<Arc<dyn Call>>) {}

    fn listen(&self, _next: &Arc<dyn Dependant>) -> usize {
        0
    }

    fn stopped(&self) -> usize {
        0
    }

    fn stop(self) -> Option<Stop<F>> {
        None
    }
}

#[expect(private_interfaces, reason = "as on the trait")]
impl<F: 'static, A: Inputs<F>, T: Send + 'static> Inputs<F> for (A, Input<T, F>) {
    type Values = (A::Values, T);

    fn are_ready(&self) -> bool {
        matches!(self.1.0, Kind::Ready(_)) && self.0.are_ready()
    }

    fn take(self) -> Self::Values {
        (self.0.take(), self.1.take())
    }

    fn needs(&self, needs: &mut Vec<Arc<dyn Call>>) {
        self.0.needs(needs);
        match &self.1.0 {
            Kind::Ready(_) => {}
            Kind::Value(value) => needs.push(value.node().clone()),
            Kind::Source(source) => source.needs(&mut |call| needs.push(call)),
        }
    }

    fn listen(&self, next: &Arc<dyn Dependant>) -> usize {
        self.0.listen(next)
            + match &self.1.0 {
                Kind::Ready(_) => 0,
                Kind::Value(value) => listen(&**value.node(), next),
                Kind::Source(source) => source.listen(next),
            }
    }

    fn stopped(&self) -> usize {
        self.0.stopped() + self.1.stopped()
    }

    fn stop(self) -> Option<Stop<F>> {
        match self.0.stop() {
            Some(stop) => {
                discard(self.1);
                Some(stop)
            }
            None => self.1.stop(),
        }
    }
}

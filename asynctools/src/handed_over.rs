//! `HandOver`: a call whose arguments are waited for here, and which somebody else runs. Expansions of `#[celery]` call it.

#![expect(clippy::too_many_arguments, reason = "a call has the parameters that its function was written with")]

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::arguments::bounds::Fallible;
use crate::arguments::incoming::Stop;
use crate::arguments::input::Input;
use crate::arguments::input::Inputs;
use crate::arguments::input::stopped_end;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::error::panicked;
use crate::graph::node::Node;
use crate::graph::traits::Awaited;
use crate::graph::traits::PoolId;
use crate::graph::work::Promised;
use crate::graph::work::Work;
use crate::handles::promise::Promise;
use crate::handles::value::AsyncValue;
use crate::panics::discard_all;
use crate::tag::Dropped;
use crate::tag::Tag;

/// A call of an annotated function that somebody else runs, argument by argument.
#[must_use = "nothing is handed over until `.start(..)`"]
pub struct HandOver<F, A> {
    site: CallSite,
    inputs: A,
    fails: PhantomData<fn() -> F>,
}

impl<F, A> fmt::Debug for HandOver<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandOver").field("site", &self.site).finish_non_exhaustive()
    }
}

impl<F: 'static> HandOver<F, ()> {
    /// Begins a call of `function`, by the caller of our caller.
    #[track_caller]
    pub fn new(function: &'static Function) -> Self {
        Self { site: CallSite::here(function), inputs: (), fails: PhantomData }
    }
}

impl<F: 'static, A: Inputs<F>> HandOver<F, A> {
    fn arg<T: Send + 'static>(self, input: Input<T, F>) -> HandOver<F, (A, Input<T, F>)> {
        HandOver { site: self.site, inputs: (self.inputs, input), fails: PhantomData }
    }

    fn start<R: Send + 'static>(
        self,
        fail: fn(F) -> R,
        start: impl FnOnce(A::Values, Promise<R>) + Send + 'static,
    ) -> AsyncValue<R> {
        if self.inputs.are_ready() {
            let Ok(values) = self.inputs.end(&mut Dropped::new()) else { unreachable!("all arguments are there") };
            let (promise, value) = AsyncValue::promise_at(self.site);
            start(values, promise);
            return value;
        }
        let work = HandedOver { inputs: self.inputs, start, missing: 1, fail, result: PhantomData };
        AsyncValue::of(Node::waiting(work, PoolId::NONE, self.site, Tag::NONE, |work, node| {
            work.missing += work.inputs.listen(&node);
        }))
    }
}

/// The arguments of a call, and the function which gets the arguments.
struct HandedOver<A, G, F, R> {
    inputs: A,
    start: G,
    /// The number of missing arguments, plus 1 until the call is registered with all arguments.
    missing: usize,
    fail: fn(F) -> R,
    result: PhantomData<fn() -> R>,
}

impl<A, G, F, R> Work for HandedOver<A, G, F, R>
where
    A: Inputs<F>,
    G: FnOnce(A::Values, Promise<R>) + Send + 'static,
    F: 'static,
    R: Send + 'static,
{
    type Output = R;

    fn run(self, _dropped: &mut Dropped) -> R {
        unreachable!("a call that is handed over has no route, so `run_here` takes it")
    }

    fn run_here(self, call: Arc<dyn Promised<R>>, own: CallSite) {
        let mut dropped = Dropped::new();
        match self.inputs.end(&mut dropped) {
            Ok(values) => {
                call.hand_over();
                (self.start)(values, Promise::of(call));
            }
            Err(Stop::Panicked(payload)) => {
                dropped.push(Box::new(self.start));
                call.end(Err(panicked(own, payload)));
            }
            Err(Stop::Failed(_) | Stop::Lost(..)) => unreachable!("a stopped call never runs"),
        }
        discard_all(dropped);
    }

    fn is_handed_over() -> bool {
        true
    }

    fn arrived(&mut self) -> bool {
        self.missing -= 1;
        self.missing == 0
    }

    fn is_stopped(&self) -> bool {
        self.inputs.stopped() > 0
    }

    fn stop(self, own: CallSite, dropped: &mut Dropped) -> Result<R, TaskError> {
        dropped.push(Box::new(self.start));
        stopped_end(self.inputs, own, self.fail, dropped)
    }

    fn needs(&self, needs: &mut Vec<Arc<dyn Awaited>>) {
        self.inputs.needs(needs);
    }
}

/// Writes the two methods that hand over a call with a given number of arguments.
macro_rules! start {
    ($start:ident $try_start:ident ($($input:ident: $T:ident),*) $values:pat) => {
        impl<F: 'static> HandOver<F, ()> {
            /// Hands over a fallible call: an argument that failed ends the call with its error.
            pub fn $try_start<$($T,)* R>(
                self,
                $($input: Input<$T, F>,)*
                start: impl FnOnce($($T,)* Promise<R>) + Send + 'static,
            ) -> AsyncValue<R>
            where
                $($T: Send + 'static,)*
                R: Fallible<Error = F> + Send + 'static,
            {
                self $(.arg($input))* .start(R::fail, |$values, promise| start($($input,)* promise))
            }
        }

        impl HandOver<Infallible, ()> {
            /// Hands over an infallible call.
            pub fn $start<$($T,)* R>(
                self,
                $($input: Input<$T, Infallible>,)*
                start: impl FnOnce($($T,)* Promise<R>) + Send + 'static,
            ) -> AsyncValue<R>
            where
                $($T: Send + 'static,)*
                R: Send + 'static,
            {
                self $(.arg($input))* .start(|never| match never {}, |$values, promise| start($($input,)* promise))
            }
        }
    };
}

start! { start0 try_start0() () }
start! { start1 try_start1(a: A) ((), a) }
start! { start2 try_start2(a: A, b: B) (((), a), b) }
start! { start3 try_start3(a: A, b: B, c: C) ((((), a), b), c) }
start! { start4 try_start4(a: A, b: B, c: C, d: D) (((((), a), b), c), d) }
start! { start5 try_start5(a: A, b: B, c: C, d: D, e: E) ((((((), a), b), c), d), e) }
start! { start6 try_start6(a: A, b: B, c: C, d: D, e: E, g: G) (((((((), a), b), c), d), e), g) }
start! { start7 try_start7(a: A, b: B, c: C, d: D, e: E, g: G, h: H) ((((((((), a), b), c), d), e), g), h) }
start! { start8 try_start8(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I) (((((((((), a), b), c), d), e), g), h), i) }
start! { start9 try_start9(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J) ((((((((((), a), b), c), d), e), g), h), i), j) }
start! { start10 try_start10(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K) (((((((((((), a), b), c), d), e), g), h), i), j), k) }
start! { start11 try_start11(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L) ((((((((((((), a), b), c), d), e), g), h), i), j), k), l) }
start! { start12 try_start12(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M) (((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m) }

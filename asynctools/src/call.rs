//! `CallBuilder`: what expansions call.

#![expect(clippy::too_many_arguments, reason = "a call has as many as the writer of its function gave it")]

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;

use crate::arguments::arg::Arg;
use crate::arguments::arg::ArgRef;
use crate::arguments::bounds::Fallible;
use crate::arguments::input::Input;
use crate::arguments::input::Inputs;
use crate::arguments::task::flow;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::graph::current;
use crate::graph::node::Route;
use crate::handles::value::AsyncValue;
use crate::pool::Pool;

/// A call of an annotated function, argument by argument.
#[must_use = "nothing is called until `.run(..)`"]
pub struct CallBuilder<'p, F, A> {
    pool: &'p Pool,
    site: CallSite,
    inputs: A,
    fails: PhantomData<fn() -> F>,
}

impl<F, A> fmt::Debug for CallBuilder<'_, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallBuilder").field("site", &self.site).finish_non_exhaustive()
    }
}

impl<'p, F: 'static> CallBuilder<'p, F, ()> {
    /// A call of `function` by the caller of our caller, to run on `pool`.
    #[track_caller]
    pub fn new(function: &'static Function, pool: &'p Pool) -> Self {
        let site = CallSite::new(function, Location::caller());
        Self { pool, site, inputs: (), fails: PhantomData }
    }
}

impl<'p, F: 'static, A: Inputs<F>> CallBuilder<'p, F, A> {
    fn arg<T: Send + 'static>(self, input: Input<T, F>) -> CallBuilder<'p, F, (A, Input<T, F>)> {
        CallBuilder { pool: self.pool, site: self.site, inputs: (self.inputs, input), fails: PhantomData }
    }

    fn start<R: Send + 'static>(
        self,
        fail: fn(F) -> R,
        body: impl FnOnce(A::Values) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        if self.inputs.are_ready() {
            // Taken now: a node that holds values is smaller than one that holds what may be a handle.
            return self.pool.start(self.inputs.take(), body, self.site);
        }
        let inner = self.pool.inner();
        let route = Route { home: inner.clone(), inside: current::is_inside(inner.id()), bounded: true };
        flow(inner.id(), Some(route), self.site, self.inputs, fail, body)
    }
}

/// The two methods that run a call with so many arguments. The type of each argument is a parameter of its own that occurs in
/// that argument alone: rustc then blames it, and nothing else, for what it cannot do. Each number of arguments is a line of
/// its own because rustc shows that line.
macro_rules! run {
    ($run:ident $try_run:ident ($($input:ident: $T:ident),*) $values:pat) => {
        impl<F: 'static> CallBuilder<'_, F, ()> {
            /// Runs a fallible function: an argument that failed ends the call with its error.
            pub fn $try_run<$($T,)* R>(
                self,
                $($input: Input<$T, F>,)*
                body: impl FnOnce($($T),*) -> R + Send + 'static,
            ) -> AsyncValue<R>
            where
                $($T: Send + 'static,)*
                R: Fallible<Error = F> + Send + 'static,
            {
                self $(.arg($input))* .start(R::fail, |$values| body($($input),*))
            }
        }

        impl CallBuilder<'_, Infallible, ()> {
            /// Runs an infallible function.
            pub fn $run<$($T,)* R>(
                self,
                $($input: Input<$T, Infallible>,)*
                body: impl FnOnce($($T),*) -> R + Send + 'static,
            ) -> AsyncValue<R>
            where
                $($T: Send + 'static,)*
                R: Send + 'static,
            {
                self $(.arg($input))* .start(|never| match never {}, |$values| body($($input),*))
            }
        }
    };
}

// The 12 parameters of a function, and its receiver.
run! { run0 try_run0() () }
run! { run1 try_run1(a: A) ((), a) }
run! { run2 try_run2(a: A, b: B) (((), a), b) }
run! { run3 try_run3(a: A, b: B, c: C) ((((), a), b), c) }
run! { run4 try_run4(a: A, b: B, c: C, d: D) (((((), a), b), c), d) }
run! { run5 try_run5(a: A, b: B, c: C, d: D, e: E) ((((((), a), b), c), d), e) }
run! { run6 try_run6(a: A, b: B, c: C, d: D, e: E, g: G) (((((((), a), b), c), d), e), g) }
run! { run7 try_run7(a: A, b: B, c: C, d: D, e: E, g: G, h: H) ((((((((), a), b), c), d), e), g), h) }
run! { run8 try_run8(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I) (((((((((), a), b), c), d), e), g), h), i) }
run! { run9 try_run9(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J) ((((((((((), a), b), c), d), e), g), h), i), j) }
run! { run10 try_run10(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K) (((((((((((), a), b), c), d), e), g), h), i), j), k) }
run! { run11 try_run11(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L) ((((((((((((), a), b), c), d), e), g), h), i), j), k), l) }
run! { run12 try_run12(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M) (((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m) }
run! { run13 try_run13(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M, n: N) ((((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m), n) }

/// An argument for a parameter `T`.
pub fn arg<T, F, A: Arg<T, F>>(argument: A) -> Input<T, F> {
    argument.into_input()
}

/// An argument for a parameter `&B`.
pub fn arg_ref<B: ?Sized + Send + 'static, F, A: ArgRef<B, F>>(argument: A) -> Input<A::Owner, F> {
    argument.into_owner()
}

/// An argument that is a plain value.
pub fn plain<T, F>(value: T) -> Input<T, F> {
    Input::ready(value)
}

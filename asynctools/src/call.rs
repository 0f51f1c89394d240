//! `CallBuilder`: the functions that expansions call.

#![expect(
    clippy::many_single_char_names,
    clippy::too_many_arguments,
    reason = "a call has the parameters that its function was written with"
)]

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use crate::arguments::arg::Arg;
use crate::arguments::arg::ArgRef;
use crate::arguments::bounds::CannotFail;
use crate::arguments::bounds::Fallible;
use crate::arguments::bounds::GoesToAnotherThread;
use crate::arguments::bounds::Kind;
use crate::arguments::bounds::MayFail;
use crate::arguments::input::Input;
use crate::arguments::input::Inputs;
use crate::arguments::work::flow;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::graph::work::Route;
use crate::handles::value::AsyncValue;
use crate::pool::Pool;
use crate::pool::PoolRef;
use crate::pool::threads;

/// A call of an annotated function, argument by argument.
#[must_use = "nothing is called until `.run(..)`"]
pub struct CallBuilder<'p, F, A, K = CannotFail> {
    pool: PoolRef<'p>,
    site: CallSite,
    inputs: A,
    fails: PhantomData<fn() -> F>,
    /// Whether the function can fail, where no argument can.
    kind: PhantomData<K>,
}

impl<F, A, K> fmt::Debug for CallBuilder<'_, F, A, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallBuilder").field("site", &self.site).finish_non_exhaustive()
    }
}

impl<'p, F: 'static> CallBuilder<'p, F, ()> {
    /// Begins a call of `function`, by the caller of our caller, that runs on `pool`.
    #[track_caller]
    pub fn new(function: &'static Function, pool: impl Into<PoolRef<'p>>) -> Self {
        Self { pool: pool.into(), site: CallSite::here(function), inputs: (), fails: PhantomData, kind: PhantomData }
    }

    /// Says whether the function can fail.
    pub fn kind<K>(self, _kind: K) -> CallBuilder<'p, F, (), K> {
        CallBuilder { pool: self.pool, site: self.site, inputs: (), fails: PhantomData, kind: PhantomData }
    }
}

impl<'p, F: 'static, A: Inputs<F>, K> CallBuilder<'p, F, A, K> {
    #[inline]
    fn arg<T: Send + 'static>(self, input: Input<T, F>) -> CallBuilder<'p, F, (A, Input<T, F>), K> {
        let inputs = (self.inputs, input);
        CallBuilder { pool: self.pool, site: self.site, inputs, fails: PhantomData, kind: PhantomData }
    }

    #[inline]
    fn start<R: Send + 'static, X: Kind<R>>(
        self,
        kind: PhantomData<X>,
        fail: fn(F) -> R,
        body: impl FnOnce(A::Values) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        if self.inputs.are_ready() {
            // A node with values is smaller than one with arguments that may be handles.
            return self.pool.start(kind, self.inputs.into_ready(), body, self.site);
        }
        self.start_waiting(kind, fail, body)
    }

    /// Makes a call with handles among its arguments. Apart, so that the way of a call with values can stand in the caller.
    #[inline(never)]
    fn start_waiting<R: Send + 'static, X: Kind<R>>(
        self,
        kind: PhantomData<X>,
        fail: fn(F) -> R,
        body: impl FnOnce(A::Values) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        let inner = self.pool.0;
        let route = Route { pool: Some(inner.clone()), maker: inner.maker(), bounded: true };
        flow(kind, inner.id, Some(route), self.site, self.inputs, fail, body)
    }
}

// The 12 parameters of a function, and its receiver. The type of each argument is a parameter of its own, which occurs in
// that argument alone: so rustc blames the argument, and nothing else, for a missing bound. rustc shows the bound, and the
// macro around a bound that a macro wrote: so the methods for few arguments are written out.

impl<F: 'static> CallBuilder<'_, F, ()> {
    /// Runs a fallible function of one argument: an argument that failed ends the call with its error.
    #[inline]
    pub fn try_run1<A: GoesToAnotherThread, R: Fallible<Error = F> + GoesToAnotherThread>(
        self,
        a: Input<A, F>,
        body: impl FnOnce(A) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).start(PhantomData::<MayFail>, R::fail, |((), a)| body(a))
    }

    /// Runs a fallible function of 2 arguments: an argument that failed ends the call with its error.
    #[inline]
    pub fn try_run2<A: GoesToAnotherThread, B: GoesToAnotherThread, R: Fallible<Error = F> + GoesToAnotherThread>(
        self,
        a: Input<A, F>,
        b: Input<B, F>,
        body: impl FnOnce(A, B) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).arg(b).start(PhantomData::<MayFail>, R::fail, |(((), a), b)| body(a, b))
    }

    /// Runs a fallible function of 3 arguments: an argument that failed ends the call with its error.
    #[inline]
    pub fn try_run3<
        A: GoesToAnotherThread,
        B: GoesToAnotherThread,
        C: GoesToAnotherThread,
        R: Fallible<Error = F> + GoesToAnotherThread,
    >(
        self,
        a: Input<A, F>,
        b: Input<B, F>,
        c: Input<C, F>,
        body: impl FnOnce(A, B, C) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).arg(b).arg(c).start(PhantomData::<MayFail>, R::fail, |((((), a), b), c)| body(a, b, c))
    }

    /// Runs a fallible function of 4 arguments: an argument that failed ends the call with its error.
    #[inline]
    pub fn try_run4<
        A: GoesToAnotherThread,
        B: GoesToAnotherThread,
        C: GoesToAnotherThread,
        D: GoesToAnotherThread,
        R: Fallible<Error = F> + GoesToAnotherThread,
    >(
        self,
        a: Input<A, F>,
        b: Input<B, F>,
        c: Input<C, F>,
        d: Input<D, F>,
        body: impl FnOnce(A, B, C, D) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a)
            .arg(b)
            .arg(c)
            .arg(d)
            .start(PhantomData::<MayFail>, R::fail, |(((((), a), b), c), d)| body(a, b, c, d))
    }

    /// Runs a fallible function of 5 arguments: an argument that failed ends the call with its error.
    #[inline]
    pub fn try_run5<
        A: GoesToAnotherThread,
        B: GoesToAnotherThread,
        C: GoesToAnotherThread,
        D: GoesToAnotherThread,
        E: GoesToAnotherThread,
        R: Fallible<Error = F> + GoesToAnotherThread,
    >(
        self,
        a: Input<A, F>,
        b: Input<B, F>,
        c: Input<C, F>,
        d: Input<D, F>,
        e: Input<E, F>,
        body: impl FnOnce(A, B, C, D, E) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a)
            .arg(b)
            .arg(c)
            .arg(d)
            .arg(e)
            .start(PhantomData::<MayFail>, R::fail, |((((((), a), b), c), d), e)| body(a, b, c, d, e))
    }
}

impl CallBuilder<'_, Infallible, ()> {
    /// Runs an infallible function without arguments.
    #[inline]
    pub fn run0<R: GoesToAnotherThread>(self, body: impl FnOnce() -> R + Send + 'static) -> AsyncValue<R> {
        self.start(PhantomData::<CannotFail>, never, |()| body())
    }

    /// Runs an infallible function of one argument.
    #[inline]
    pub fn run1<A: GoesToAnotherThread, R: GoesToAnotherThread>(
        self,
        a: Input<A, Infallible>,
        body: impl FnOnce(A) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).start(PhantomData::<CannotFail>, never, |((), a)| body(a))
    }

    /// Runs an infallible function of 2 arguments.
    #[inline]
    pub fn run2<A: GoesToAnotherThread, B: GoesToAnotherThread, R: GoesToAnotherThread>(
        self,
        a: Input<A, Infallible>,
        b: Input<B, Infallible>,
        body: impl FnOnce(A, B) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).arg(b).start(PhantomData::<CannotFail>, never, |(((), a), b)| body(a, b))
    }

    /// Runs an infallible function of 3 arguments.
    #[inline]
    pub fn run3<A: GoesToAnotherThread, B: GoesToAnotherThread, C: GoesToAnotherThread, R: GoesToAnotherThread>(
        self,
        a: Input<A, Infallible>,
        b: Input<B, Infallible>,
        c: Input<C, Infallible>,
        body: impl FnOnce(A, B, C) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).arg(b).arg(c).start(PhantomData::<CannotFail>, never, |((((), a), b), c)| body(a, b, c))
    }

    /// Runs an infallible function of 4 arguments.
    #[inline]
    pub fn run4<
        A: GoesToAnotherThread,
        B: GoesToAnotherThread,
        C: GoesToAnotherThread,
        D: GoesToAnotherThread,
        R: GoesToAnotherThread,
    >(
        self,
        a: Input<A, Infallible>,
        b: Input<B, Infallible>,
        c: Input<C, Infallible>,
        d: Input<D, Infallible>,
        body: impl FnOnce(A, B, C, D) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a)
            .arg(b)
            .arg(c)
            .arg(d)
            .start(PhantomData::<CannotFail>, never, |(((((), a), b), c), d)| body(a, b, c, d))
    }

    /// Runs an infallible function of 5 arguments.
    #[inline]
    pub fn run5<
        A: GoesToAnotherThread,
        B: GoesToAnotherThread,
        C: GoesToAnotherThread,
        D: GoesToAnotherThread,
        E: GoesToAnotherThread,
        R: GoesToAnotherThread,
    >(
        self,
        a: Input<A, Infallible>,
        b: Input<B, Infallible>,
        c: Input<C, Infallible>,
        d: Input<D, Infallible>,
        e: Input<E, Infallible>,
        body: impl FnOnce(A, B, C, D, E) -> R + Send + 'static,
    ) -> AsyncValue<R> {
        self.arg(a).arg(b).arg(c).arg(d).arg(e).start(
            PhantomData::<CannotFail>,
            never,
            |((((((), a), b), c), d), e)| body(a, b, c, d, e),
        )
    }
}

/// Makes no result: an infallible call has no argument that fails.
fn never<R>(never: Infallible) -> R {
    match never {}
}

/// Writes the two methods that run a call with a given number of arguments.
macro_rules! run {
    ($run:ident $try_run:ident ($($input:ident: $T:ident),*) $values:pat) => {
        impl<F: 'static> CallBuilder<'_, F, ()> {
            /// Runs a fallible function: a failed argument ends the call with the argument's error.
            pub fn $try_run<$($T,)* R>(
                self,
                $($input: Input<$T, F>,)*
                body: impl FnOnce($($T),*) -> R + Send + 'static,
            ) -> AsyncValue<R>
            where
                $($T: GoesToAnotherThread,)*
                R: Fallible<Error = F> + GoesToAnotherThread,
            {
                self $(.arg($input))* .start(PhantomData::<MayFail>, R::fail, |$values| body($($input),*))
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
                $($T: GoesToAnotherThread,)*
                R: GoesToAnotherThread,
            {
                self $(.arg($input))* .start(PhantomData::<CannotFail>, never, |$values| body($($input),*))
            }
        }
    };
}

run! { run6 try_run6(a: A, b: B, c: C, d: D, e: E, g: G) (((((((), a), b), c), d), e), g) }
run! { run7 try_run7(a: A, b: B, c: C, d: D, e: E, g: G, h: H) ((((((((), a), b), c), d), e), g), h) }
run! { run8 try_run8(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I) (((((((((), a), b), c), d), e), g), h), i) }
run! { run9 try_run9(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J) ((((((((((), a), b), c), d), e), g), h), i), j) }
run! { run10 try_run10(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K) (((((((((((), a), b), c), d), e), g), h), i), j), k) }
run! { run11 try_run11(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L) ((((((((((((), a), b), c), d), e), g), h), i), j), k), l) }
run! { run12 try_run12(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M) (((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m) }
run! { run13 try_run13(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M, n: N) ((((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m), n) }

/// Writes the method that runs a fallible function without an argument that can fail.
macro_rules! run_failing {
    ($run:ident($($input:ident: $T:ident),*) $values:pat) => {
        impl CallBuilder<'_, Infallible, (), MayFail> {
            /// Runs a fallible function.
            pub fn $run<$($T,)* R>(
                self,
                $($input: Input<$T, Infallible>,)*
                body: impl FnOnce($($T),*) -> R + Send + 'static,
            ) -> AsyncValue<R>
            where
                $($T: GoesToAnotherThread,)*
                R: Fallible + GoesToAnotherThread,
            {
                self $(.arg($input))* .start(PhantomData::<MayFail>, never, |$values| body($($input),*))
            }
        }
    };
}

run_failing! { run0() () }
run_failing! { run1(a: A) ((), a) }
run_failing! { run2(a: A, b: B) (((), a), b) }
run_failing! { run3(a: A, b: B, c: C) ((((), a), b), c) }
run_failing! { run4(a: A, b: B, c: C, d: D) (((((), a), b), c), d) }
run_failing! { run5(a: A, b: B, c: C, d: D, e: E) ((((((), a), b), c), d), e) }
run_failing! { run6(a: A, b: B, c: C, d: D, e: E, g: G) (((((((), a), b), c), d), e), g) }
run_failing! { run7(a: A, b: B, c: C, d: D, e: E, g: G, h: H) ((((((((), a), b), c), d), e), g), h) }
run_failing! { run8(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I) (((((((((), a), b), c), d), e), g), h), i) }
run_failing! { run9(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J) ((((((((((), a), b), c), d), e), g), h), i), j) }
run_failing! { run10(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K) (((((((((((), a), b), c), d), e), g), h), i), j), k) }
run_failing! { run11(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L) ((((((((((((), a), b), c), d), e), g), h), i), j), k), l) }
run_failing! { run12(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M) (((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m) }
run_failing! { run13(a: A, b: B, c: C, d: D, e: E, g: G, h: H, i: I, j: J, k: K, l: L, m: M, n: N) ((((((((((((((), a), b), c), d), e), g), h), i), j), k), l), m), n) }

/// Begins a call of `function`, by the caller of our caller, on the default pool.
#[track_caller]
pub fn on_the_default_pool<F: 'static>(function: &'static Function) -> CallBuilder<'static, F, ()> {
    CallBuilder::new(function, Pool::global())
}

/// Begins a call of `function`, by the caller of our caller, on a thread of its own.
#[track_caller]
pub fn on_a_thread<F: 'static>(function: &'static Function) -> CallBuilder<'static, F, ()> {
    CallBuilder::new(function, threads())
}

/// Takes an argument for a parameter `T`.
#[inline]
pub fn arg<T, F, A: Arg<T, F>>(argument: A) -> Input<T, F> {
    argument.into_input()
}

/// Takes an argument for a parameter `&B`.
pub fn arg_ref<B: ?Sized + GoesToAnotherThread, F, A: ArgRef<B, F>>(argument: A) -> Input<A::Owner, F> {
    argument.into_owner()
}

/// Takes an argument that is a plain value.
#[inline]
pub fn plain<T, F>(value: T) -> Input<T, F> {
    Input::ready(value)
}

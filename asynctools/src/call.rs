//! What a call is made of: the builder that expansions use, and the methods that follow one call with another.

#![expect(clippy::too_many_arguments, reason = "a call has as many as the writer of its function gave it")]

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use crate::arg::Arg;
use crate::arg::ArgRef;
use crate::context;
use crate::context::Call as AnyCall;
use crate::context::Home;
use crate::context::HomeId;
use crate::error::TaskError;
use crate::error::discard;
use crate::input::Input;
use crate::input::Inputs;
use crate::input::Source;
use crate::input::Stop;
use crate::list::AsyncList;
use crate::node::Route;
use crate::pool::Pool;
use crate::shared::Shared;
use crate::site::CallSite;
use crate::site::Function;
use crate::task::flow;
use crate::task::site;
use crate::value::AsyncValue;

/// A call of an annotated function, argument by argument.
#[must_use = "nothing is called until `.run(..)`"]
pub struct Call<'p, F, A> {
    pool: &'p Pool,
    site: CallSite,
    inputs: A,
    fails: PhantomData<fn() -> F>,
}

impl<F, A> fmt::Debug for Call<'_, F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("site", &self.site).finish_non_exhaustive()
    }
}

impl<'p, F: 'static> Call<'p, F, ()> {
    /// A call of `function` by the caller of our caller, to run on `pool`.
    #[track_caller]
    pub fn new(function: &'static Function, pool: &'p Pool) -> Self {
        let site = CallSite::new(function, Location::caller());
        Self { pool, site, inputs: (), fails: PhantomData }
    }
}

impl<'p, F: 'static, A: Inputs<F>> Call<'p, F, A> {
    fn arg<T: Send + 'static>(self, input: Input<T, F>) -> Call<'p, F, (A, Input<T, F>)> {
        Call { pool: self.pool, site: self.site, inputs: (self.inputs, input), fails: PhantomData }
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
        let crew = self.pool.crew();
        let route = Route { home: crew.clone(), inside: context::is_inside(crew.id()), bounded: true };
        flow(crew.id(), Some(route), self.site, self.inputs, fail, body)
    }
}

/// The two methods that run a call with so many arguments. The type of each argument is a parameter of its own that occurs in
/// that argument alone: rustc then blames it, and nothing else, for what it cannot do. Each number of arguments is a line of
/// its own because rustc shows that line.
macro_rules! run {
    ($run:ident $try_run:ident ($($input:ident: $T:ident),*) $values:pat) => {
        impl<F: 'static> Call<'_, F, ()> {
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

        impl Call<'_, Infallible, ()> {
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

/// The receiver of a method that takes `&self`.
#[diagnostic::on_unimplemented(
    message = "`&self` clones `{Self}` into the call, and `{Self}` is not `Clone`",
    label = "`{Self}` is not `Clone`",
    note = "derive `Clone`, or take `self: Arc<Self>`"
)]
pub trait CloneSelf {
    /// The clone that goes with the call.
    #[must_use]
    fn clone_self(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> CloneSelf for T {
    fn clone_self(&self) -> Self {
        self.clone()
    }
}

/// What a function returns that is written to return a `Result`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Result` but is not a `Result<T, E>`",
    label = "this is not `core::result::Result`",
    note = "the name says that the call may fail; give the other type another name at the function"
)]
pub trait Fallible {
    /// The error that the call can pass on.
    type Error;
    /// The result of a call that an argument ended with `error`.
    fn fail(error: Self::Error) -> Self;
}

impl<T, E> Fallible for Result<T, E> {
    type Error = E;

    fn fail(error: E) -> Self {
        Err(error)
    }
}

/// A pool that is gone.
struct Gone(HomeId);

impl Home for Gone {
    fn id(&self) -> HomeId {
        self.0
    }

    fn admit(self: Arc<Self>, call: Arc<dyn AnyCall>, _inside: bool, _at_call: bool) {
        call.lose(TaskError::Closed);
    }

    fn withdrawn(&self, _queued: bool, _cancelled: bool) {}
}

/// Where a closure runs that follows a call of the pool `near`; the default pool where there is none.
fn route_after(near: HomeId) -> Route {
    let home = match near {
        HomeId::NONE => Pool::global().crew().clone(),
        near => context::find_home(near).unwrap_or_else(|| Arc::new(Gone(near))),
    };
    let inside = context::is_inside(home.id());
    Route { home, inside, bounded: false }
}

/// One call after another: `f` of the result that `input` brings.
fn follow<T, F, R>(
    near: HomeId,
    site: CallSite,
    input: Input<T, F>,
    fail: fn(F) -> R,
    f: impl FnOnce(T) -> R + Send + 'static,
) -> AsyncValue<R>
where
    T: Send + 'static,
    F: 'static,
    R: Send + 'static,
{
    let route = route_after(near);
    flow(route.home.id(), Some(route), site, ((), input), fail, move |((), value)| f(value))
}

/// The end of a call, whatever it is.
struct End<I>(I);

impl<T: 'static> Source<(), Infallible> for End<AsyncValue<T>> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn AnyCall>)) {
        add(self.0.node().clone());
    }

    fn stopped(&self) -> usize {
        0
    }

    fn stop(self: Box<Self>) -> Option<Stop<Infallible>> {
        None
    }

    fn take(self: Box<Self>) {
        discard(self.0);
    }
}

impl<T: 'static> Source<(), Infallible> for End<AsyncList<T>> {
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn AnyCall>)) {
        self.0.iter().for_each(|value| add(value.node().clone()));
    }

    fn stopped(&self) -> usize {
        0
    }

    fn stop(self: Box<Self>) -> Option<Stop<Infallible>> {
        None
    }

    fn take(self: Box<Self>) {
        self.0.into_iter().for_each(discard);
    }
}

static MAP: Function = Function::method("map");
static CHAIN: Function = Function::method("chain");
static ZIP: Function = Function::method("zip");
static AND_THEN: Function = Function::method("and_then");
static MAP_OK: Function = Function::method("map_ok");
static MAP_ERR: Function = Function::method("map_err");

fn cannot_fail<R>(never: Infallible) -> R {
    match never {}
}

/// What follows a call. A closure runs on the pool of the call; after a promise or a value that was ready, on the default
/// pool; after `#[parallel]`, on a thread as `#[parallel]` does.
impl<T: Send + 'static> AsyncValue<T> {
    /// The call `f(value)`, which starts when the value is there. A loss of the value ends it as
    /// [`TaskError::Upstream`], unrun. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// assert_eq!(pool.spawn(|| 20).map(|n| n + 1).map(|n| n * 2).get(), 42);
    /// ```
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce(T) -> U + Send + 'static,
    {
        follow(self.node().home(), site(&MAP), Input::value(self), cannot_fail, f)
    }

    /// The call `f()`, which starts when this call has ended, however it ended; its result is dropped. It runs exactly once,
    /// unless its pool is closed or it is cancelled itself. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// let cleanup = pool.spawn(|| panic!("no luck")).chain(|| "cleaned up");
    /// assert_eq!(cleanup.get(), "cleaned up");
    /// ```
    #[track_caller]
    pub fn chain<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce() -> U + Send + 'static,
    {
        follow(self.node().home(), site(&CHAIN), Input::source(End(self)), cannot_fail, |()| f())
    }

    /// Both results. Runs on no pool; what follows it runs on the pool of this call. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let (a, b) = (parallel(|| 1), parallel(|| "one"));
    /// assert_eq!(a.zip(b).get(), (1, "one"));
    /// ```
    #[track_caller]
    pub fn zip<U: Send + 'static>(self, other: AsyncValue<U>) -> AsyncValue<(T, U)> {
        let near = self.node().home();
        let inputs = (((), Input::value(self)), Input::value(other));
        flow(near, None, site(&ZIP), inputs, cannot_fail, |(((), left), right)| (left, right))
    }

    /// A handle that many can read, clone, and pass on. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let answer = parallel(|| 42).shared();
    /// let same = answer.clone();
    /// assert_eq!(answer.get(), same.get());
    /// ```
    pub fn shared(self) -> Shared<T>
    where
        T: Sync,
    {
        Shared::new(self)
    }
}

impl<T: Send + 'static, E: Send + 'static> AsyncValue<Result<T, E>> {
    /// The call `f(value)` of an `Ok` value; an `Err` is passed on, and `f` never runs. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, parallel};
    ///
    /// let seven = parallel(|| "7".parse::<u32>()).and_then(|n| Ok(n + 1));
    /// assert_eq!(seven.get(), Ok(8));
    /// ```
    #[track_caller]
    pub fn and_then<U, F>(self, f: F) -> AsyncValue<Result<U, E>>
    where
        U: Send + 'static,
        F: FnOnce(T) -> Result<U, E> + Send + 'static,
    {
        follow(self.node().home(), site(&AND_THEN), Arg::<T, E>::into_input(self), Err, f)
    }

    /// The call `f(value)` of an `Ok` value, as its new one; an `Err` is passed on, and `f` never runs. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let double = parallel(|| "7".parse::<u32>()).map_ok(|n| n * 2);
    /// assert_eq!(double.get(), Ok(14));
    /// ```
    #[track_caller]
    pub fn map_ok<U, F>(self, f: F) -> AsyncValue<Result<U, E>>
    where
        U: Send + 'static,
        F: FnOnce(T) -> U + Send + 'static,
    {
        follow(self.node().home(), site(&MAP_OK), Arg::<T, E>::into_input(self), Err, |value| Ok(f(value)))
    }

    /// The call `f(error)` of an `Err`, as its new one; an `Ok` is passed on, and `f` never runs. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let text = parallel(|| "seven".parse::<u32>()).map_err(|error| error.to_string());
    /// assert_eq!(text.get(), Err("invalid digit found in string".to_owned()));
    /// ```
    #[track_caller]
    pub fn map_err<U, F>(self, f: F) -> AsyncValue<Result<T, U>>
    where
        U: Send + 'static,
        F: FnOnce(E) -> U + Send + 'static,
    {
        follow(self.node().home(), site(&MAP_ERR), Input::value(self), cannot_fail, |result: Result<T, E>| {
            result.map_err(f)
        })
    }
}

/// What follows a list. A closure runs on the pool of its first call; of an empty list, on the default pool.
impl<T: Send + 'static> AsyncList<T> {
    /// The call `f(results)` of all results in call order, which starts when the last is there. The first loss in call order
    /// ends it as [`TaskError::Upstream`], unrun. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// let total = pool.map(0..4, |n| n * n).map(|squares| squares.iter().sum::<i32>());
    /// assert_eq!(total.get(), 14);
    /// ```
    #[track_caller]
    pub fn map<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce(Vec<T>) -> U + Send + 'static,
    {
        follow(self.home(), site(&MAP), Arg::<Vec<T>, Infallible>::into_input(self), cannot_fail, f)
    }

    /// The call `f()`, which starts when every call has ended, however it ended. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// assert_eq!(pool.map(0..3, |n| 6 / n).chain(|| "all done").get(), "all done");
    /// ```
    #[track_caller]
    pub fn chain<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce() -> U + Send + 'static,
    {
        follow(self.home(), site(&CHAIN), Input::source(End(self)), cannot_fail, |()| f())
    }
}

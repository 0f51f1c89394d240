//! The combinators: `map`, `chain`, `zip` and the other calls that follow a call.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::arguments::bounds::CannotFail;
use crate::arguments::input::Input;
use crate::arguments::shared::SharedRef;
use crate::arguments::source::All;
use crate::arguments::source::Outcome;
use crate::arguments::source::Try;
use crate::arguments::source::Whole;
use crate::arguments::work::flatten;
use crate::arguments::work::flow;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::lineage;
use crate::graph::registry;
use crate::graph::traits::Maker;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::graph::work::Route;
use crate::handles::list::AsyncList;
use crate::handles::shared::Shared;
use crate::handles::value::AsyncValue;
use crate::panics::discard;
use crate::panics::discard_all;
use crate::pool::MAP;
use crate::pool::Pool;
use crate::pool::PoolRef;

/// Returns the route of a closure that follows a call of that pool, or of no pool: then the default pool runs the
/// closure.
fn route_after(pool: PoolId) -> Route {
    let pool: Option<Arc<dyn Scheduler>> = match pool {
        PoolId::NONE => Some(PoolRef::from(Pool::global()).0.clone()),
        pool => registry::find(pool),
    };
    let is_own = pool.as_ref().is_some_and(|pool| lineage::is_inside(pool.id()));
    Route { pool, maker: if is_own { Maker::OwnCall } else { Maker::Other }, bounded: false }
}

/// Makes the call `f(value)`, which follows a call of `pool` and takes its value from `input`.
fn follow<T, F, R>(
    pool: PoolId,
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
    let route = route_after(pool);
    let pool = route.pool.as_ref().map_or(pool, |pool| pool.id());
    flow(PhantomData::<CannotFail>, pool, Some(route), site, ((), input), fail, move |((), value)| f(value))
}

static THEN: Function = Function::method("then");
static CATCH: Function = Function::method("catch");
static CHAIN: Function = Function::method("chain");
static ZIP: Function = Function::method("zip");
static AND_THEN: Function = Function::method("and_then");
static OR_ELSE: Function = Function::method("or_else");
static MAP_OK: Function = Function::method("map_ok");
static MAP_ERR: Function = Function::method("map_err");

fn cannot_fail<R>(never: Infallible) -> R {
    match never {}
}

/// Calls that follow a call. A closure runs on the pool of the call; after a promise or a ready value, on the default
/// pool; after `#[parallel]`, on a thread of its own.
impl<T: Send + 'static> AsyncValue<T> {
    /// Runs `f(value)` when the value is there, and returns the handle of that call. If the value is lost, the new call
    /// ends as [`TaskError::Upstream`], unrun. Never blocks.
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
        follow(self.node().pool(), CallSite::here(&MAP), Input::value(self), cannot_fail, f)
    }

    /// Runs `f(outcome)` when this call has ended, with its value or its loss, exactly once, unless the pool is closed or
    /// the new call is cancelled. Returns the handle of the new call. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// let seven = pool.spawn(|| -> u8 { panic!("no luck") }).then(|outcome| outcome.unwrap_or(7));
    /// assert_eq!(seven.get(), 7);
    /// ```
    #[track_caller]
    pub fn then<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce(Result<T, TaskError>) -> U + Send + 'static,
    {
        follow(self.node().pool(), CallSite::here(&THEN), Input::incoming(Outcome(self)), cannot_fail, f)
    }

    /// Returns a handle to the outcome of this call, its value or its loss: to `.await`, or to pass on to another call. No
    /// pool is used. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// drop(promise);
    /// let outcome: AsyncValue<Result<u8, TaskError>> = value.catch();
    /// assert!(matches!(outcome.get(), Err(TaskError::Abandoned)));
    /// ```
    #[track_caller]
    pub fn catch(self) -> AsyncValue<Result<T, TaskError>> {
        catch_at(CallSite::here(&CATCH), self)
    }

    /// Drops the outcome of this call, however the call ends, and then runs `f()` exactly once, unless the pool is
    /// closed or the new call is cancelled. Returns the handle of the new call. Never blocks.
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
    #[doc(alias = "finally")]
    #[track_caller]
    pub fn chain<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce() -> U + Send + 'static,
    {
        follow(self.node().pool(), CallSite::here(&CHAIN), Input::incoming(Outcome(self)), cannot_fail, |outcome| {
            discard(outcome);
            f()
        })
    }

    /// Returns a handle to both results. No pool is used; closures that follow run on the pool of `self`. Never blocks.
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
        let pool = self.node().pool();
        let inputs = (((), Input::value(self)), Input::value(other));
        flow(PhantomData::<CannotFail>, pool, None, CallSite::here(&ZIP), inputs, cannot_fail, |(((), left), right)| {
            (left, right)
        })
    }

    /// Makes a handle that many readers can share, clone and pass on. Never blocks.
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

/// Returns a handle to the outcome of `value`. The handle is that of a call at `site`.
fn catch_at<T: Send + 'static>(site: CallSite, value: AsyncValue<T>) -> AsyncValue<Result<T, TaskError>> {
    let pool = value.node().pool();
    flow(
        PhantomData::<CannotFail>,
        pool,
        None,
        site,
        ((), Input::incoming(Outcome(value))),
        cannot_fail,
        |((), outcome)| outcome,
    )
}

impl<T: Send + 'static> AsyncValue<AsyncValue<T>> {
    /// Returns a handle to the value of the inner call. No pool is used, and no thread waits in the meantime. Never blocks.
    ///
    /// A loss of the inner call prints its path as `outer <- inner`; a loss of this call is passed on as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, pooled};
    ///
    /// #[pooled(workers = 1)]
    /// fn countdown(n: u32) -> AsyncValue<&'static str> {
    ///     if n == 0 { AsyncValue::ready("lift-off") } else { countdown(n - 1).flatten() }
    /// }
    ///
    /// assert_eq!(countdown(1000).flatten().get(), "lift-off");
    /// ```
    pub fn flatten(self) -> AsyncValue<T> {
        flatten(self)
    }
}

impl<T: Send + 'static, E: Send + 'static> AsyncValue<Result<T, E>> {
    /// Runs `f(value)` if this call returns `Ok(value)`, and passes an `Err` on without running `f`. Returns the handle
    /// of the new call. Never blocks.
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
        follow(self.node().pool(), CallSite::here(&AND_THEN), Input::incoming(Try(self)), Err, f)
    }

    /// Runs `f(error)` if this call returns `Err(error)`, and passes an `Ok` on without running `f`. Returns the handle of
    /// the new call. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let number = parallel(|| "seven".parse::<u32>()).or_else(|_error| Ok::<u32, String>(7));
    /// assert_eq!(number.get(), Ok(7));
    /// ```
    #[track_caller]
    pub fn or_else<G, F>(self, f: F) -> AsyncValue<Result<T, G>>
    where
        G: Send + 'static,
        F: FnOnce(E) -> Result<T, G> + Send + 'static,
    {
        let or_else = |result: Result<T, E>| result.or_else(f);
        follow(self.node().pool(), CallSite::here(&OR_ELSE), Input::value(self), cannot_fail, or_else)
    }

    /// Runs `f(value)` if this call returns `Ok(value)`, for a new `Ok`, and passes an `Err` on without running `f`.
    /// Returns the handle of the new call. Never blocks.
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
        follow(self.node().pool(), CallSite::here(&MAP_OK), Input::incoming(Try(self)), Err, |value| Ok(f(value)))
    }

    /// Runs `f(error)` if this call returns `Err(error)`, for a new `Err`, and passes an `Ok` on. Returns the handle of
    /// the new call. Never blocks.
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
        follow(self.node().pool(), CallSite::here(&MAP_ERR), Input::value(self), cannot_fail, |result: Result<T, E>| {
            result.map_err(f)
        })
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Runs `f(&value)` when the value is there, and returns the handle of that call. If the value is lost, the new call
    /// ends as [`TaskError::Upstream`], unrun. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let text = parallel(|| "some text".to_owned()).shared();
    /// let (length, words) = (text.map(|text| text.len()), text.map(|text| text.split(' ').count()));
    /// assert_eq!((length.get(), words.get()), (9, 2));
    /// ```
    #[track_caller]
    pub fn map<U, F>(&self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce(&T) -> U + Send + 'static,
    {
        let input = Input::<SharedRef<T>, _>::held(self.clone().into_kept());
        follow(self.followers_run_on(), CallSite::here(&MAP), input, cannot_fail, |value| f(value.get()))
    }
}

/// Calls that follow a list. A closure runs on the pool of the first call; after an empty list, on the default pool.
impl<T: Send + 'static> AsyncList<T> {
    /// Runs `f(results)`, with all results in call order, when the last result is there, and returns the handle of that
    /// call. The first loss in call order ends the new call as [`TaskError::Upstream`], unrun. Never blocks.
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
        follow(self.pool(), CallSite::here(&MAP), Input::incoming(All::of(self, Whole)), cannot_fail, f)
    }

    /// Returns a list of the outcomes of the calls, each a value or a loss: to `.await`, or to pass on to another call. No
    /// pool is used. Never blocks.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, pooled};
    ///
    /// #[pooled]
    /// fn count_lost(outcomes: Vec<Result<u32, asynctools::TaskError>>) -> usize {
    ///     outcomes.iter().filter(|outcome| outcome.is_err()).count()
    /// }
    ///
    /// let pool = Pool::new(2);
    /// assert_eq!(count_lost(pool.map(0..3, |n| 6 / n).catch()).get(), 1);
    /// ```
    #[track_caller]
    pub fn catch(self) -> AsyncList<Result<T, TaskError>> {
        let site = CallSite::here(&CATCH);
        self.into_iter().map(|value| catch_at(site, value)).collect()
    }

    /// Drops the outcomes of all calls, however they end, and then runs `f()`. Returns the handle of that call. Never
    /// blocks.
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
        let each = |outcomes: Vec<Result<T, TaskError>>| {
            discard_all(outcomes);
            f()
        };
        follow(self.pool(), CallSite::here(&CHAIN), Input::incoming(All::of(self, Outcome)), cannot_fail, each)
    }
}

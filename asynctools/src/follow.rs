//! The combinators: `map`, `chain`, `zip` and the other calls that follow a call.

use std::convert::Infallible;
use std::sync::Arc;

use crate::arguments::input::Input;
use crate::arguments::source::All;
use crate::arguments::source::Outcome;
use crate::arguments::source::Try;
use crate::arguments::source::Whole;
use crate::arguments::work::flow;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::lineage;
use crate::graph::node::Route;
use crate::graph::registry;
use crate::graph::traits::Maker;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::handles::list::AsyncList;
use crate::handles::shared::Shared;
use crate::handles::value::AsyncValue;
use crate::panics::discard;
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
    flow(pool, Some(route), site, ((), input), fail, move |((), value)| f(value))
}

static CHAIN: Function = Function::method("chain");
static ZIP: Function = Function::method("zip");
static AND_THEN: Function = Function::method("and_then");
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
    #[track_caller]
    pub fn chain<U, F>(self, f: F) -> AsyncValue<U>
    where
        U: Send + 'static,
        F: FnOnce() -> U + Send + 'static,
    {
        follow(self.node().pool(), CallSite::here(&CHAIN), Input::pending(Outcome(self)), cannot_fail, |outcome| {
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
        flow(pool, None, CallSite::here(&ZIP), inputs, cannot_fail, |(((), left), right)| (left, right))
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
        follow(self.node().pool(), CallSite::here(&AND_THEN), Input::pending(Try(self)), Err, f)
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
        follow(self.node().pool(), CallSite::here(&MAP_OK), Input::pending(Try(self)), Err, |value| Ok(f(value)))
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
        follow(self.pool(), CallSite::here(&MAP), Input::pending(All::of(self, Whole)), cannot_fail, f)
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
            outcomes.into_iter().for_each(discard);
            f()
        };
        follow(self.pool(), CallSite::here(&CHAIN), Input::pending(All::of(self, Outcome)), cannot_fail, each)
    }
}

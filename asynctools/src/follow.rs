//! `map`, `chain`, `zip` and their like: calls that follow another call.

use std::convert::Infallible;
use std::sync::Arc;

use crate::arguments::arg::Arg;
use crate::arguments::input::Input;
use crate::arguments::input::Source;
use crate::arguments::input::Stop;
use crate::arguments::task::flow;
use crate::arguments::task::site_of;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::current;
use crate::graph::node::Route;
use crate::graph::registry;
use crate::graph::traits::Call;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::handles::list::AsyncList;
use crate::handles::shared::Shared;
use crate::handles::value::AsyncValue;
use crate::panics::discard;
use crate::pool::Pool;

/// A pool that is gone.
struct Gone(PoolId);

impl Scheduler for Gone {
    fn id(&self) -> PoolId {
        self.0
    }

    fn schedule(self: Arc<Self>, call: Arc<dyn Call>, _inside: bool, _at_call: bool) {
        call.lose(TaskError::Closed);
    }

    fn unscheduled(&self, _queued: bool, _cancelled: bool) {}
}

/// Where a closure runs that follows a call of the pool `near`; the default pool where there is none.
fn route_after(near: PoolId) -> Route {
    let home = match near {
        PoolId::NONE => Pool::global().inner().clone(),
        near => registry::find(near).unwrap_or_else(|| Arc::new(Gone(near))),
    };
    let inside = current::is_inside(home.id());
    Route { home, inside, bounded: false }
}

/// One call after another: `f` of the result that `input` brings.
fn follow<T, F, R>(
    near: PoolId,
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
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
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
    fn needs(&self, add: &mut dyn FnMut(Arc<dyn Call>)) {
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
        follow(self.node().pool_id(), site_of(&MAP), Input::value(self), cannot_fail, f)
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
        follow(self.node().pool_id(), site_of(&CHAIN), Input::source(End(self)), cannot_fail, |()| f())
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
        let near = self.node().pool_id();
        let inputs = (((), Input::value(self)), Input::value(other));
        flow(near, None, site_of(&ZIP), inputs, cannot_fail, |(((), left), right)| (left, right))
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
        follow(self.node().pool_id(), site_of(&AND_THEN), Arg::<T, E>::into_input(self), Err, f)
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
        follow(self.node().pool_id(), site_of(&MAP_OK), Arg::<T, E>::into_input(self), Err, |value| Ok(f(value)))
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
        follow(self.node().pool_id(), site_of(&MAP_ERR), Input::value(self), cannot_fail, |result: Result<T, E>| {
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
        follow(self.pool_id(), site_of(&MAP), Arg::<Vec<T>, Infallible>::into_input(self), cannot_fail, f)
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
        follow(self.pool_id(), site_of(&CHAIN), Input::source(End(self)), cannot_fail, |()| f())
    }
}

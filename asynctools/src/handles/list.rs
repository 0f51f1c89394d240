//! `AsyncList`: many calls as one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use crate::arguments::input::value_of;
use crate::arguments::source::calls_of;
use crate::arguments::task::site_of;
use crate::call_site::Function;
use crate::error::CallError;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::current::current;
use crate::graph::notify;
use crate::graph::traits::Call;
use crate::graph::traits::PoolId;
use crate::graph::wait::block;
use crate::graph::wait::deadline;
use crate::graph::wait::raise;
use crate::graph::wait::watch;
use crate::handles::as_completed::AsCompleted;
use crate::handles::value::AsyncValue;
use crate::sync::Instant;

/// The handles of many calls, in call order.
///
/// Dropping it lets the calls go on, as dropping an [`AsyncValue`] does. It is collected from handles, and is an argument
/// for a parameter `Vec<T>` or `&[T]`.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncList, pooled};
///
/// #[pooled(workers = 4)]
/// fn square(n: u32) -> u32 {
///     n * n
/// }
///
/// let squares: AsyncList<u32> = (1..=4).map(square).collect();
/// assert_eq!(squares.get(), [1, 4, 9, 16]);
/// ```
#[must_use = "the calls run, but their results are lost; `.get()` or `.join()` them"]
pub struct AsyncList<T> {
    pub(crate) values: Vec<AsyncValue<T>>,
    /// How many at the front a poll has seen the end of.
    ended: usize,
}

impl<T> AsyncList<T> {
    /// An empty list.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let mut list = AsyncList::new();
    /// list.push(AsyncValue::ready(1));
    /// list.extend([AsyncValue::ready(2)]);
    /// assert_eq!((list.len(), list.is_empty()), (2, false));
    /// assert_eq!(list.get(), [1, 2]);
    /// ```
    pub const fn new() -> Self {
        Self { values: Vec::new(), ended: 0 }
    }

    /// Adds a call at the end.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, parallel};
    ///
    /// let mut list = AsyncList::new();
    /// list.push(parallel(|| 5));
    /// assert_eq!(list.get(), [5]);
    /// ```
    pub fn push(&mut self, value: AsyncValue<T>) {
        self.values.push(value);
    }

    /// How many calls there are, ended or not.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// assert_eq!(AsyncList::from(vec![AsyncValue::ready(5)]).len(), 1);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncList;
    ///
    /// assert!(AsyncList::<u8>::new().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The handles, in call order.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// let list = pool.map(0..3, |n| n);
    /// list.wait();
    /// assert!(list.iter().all(|call| call.is_finished()));
    /// ```
    pub fn iter(&self) -> std::slice::Iter<'_, AsyncValue<T>> {
        self.values.iter()
    }

    /// Blocks until every call has ended, and returns the results in call order. Of an empty list: at once, nothing.
    ///
    /// # Panics
    ///
    /// With the first loss in call order, as [`AsyncValue::get`] does, as soon as the calls before it have ended; the rest
    /// goes on detached.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// assert_eq!(pool.map(1..4, |n| n * n).get(), [1, 4, 9]);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "of calls without results one only wants the end")]
    #[track_caller]
    pub fn get(self) -> Vec<T> {
        let agenda = self.agenda();
        let mut lost = None;
        // `collect` puts the results where the handles were: of four producers, a tenth of the time is for new pages.
        let results = self.values.into_iter().map_while(|value| {
            let site = value.node().site();
            value.into_outcome_of(agenda.as_ref()).map_err(|error| lost = Some((error, site))).ok()
        });
        let results = results.collect();
        finish(agenda);
        if let Some((error, site)) = lost {
            raise(&error, site);
        }
        results
    }

    /// Blocks until every call has ended, and returns how each did, in call order.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, Pool};
    ///
    /// let pool = Pool::new(2);
    /// let outcomes = pool.map(0..3, |n| 6 / n).outcomes();
    /// assert!(outcomes[0].as_ref().unwrap_err().to_string().ends_with("attempt to divide by zero"));
    /// assert_eq!(outcomes[1].as_ref().unwrap(), &6);
    /// ```
    #[must_use]
    pub fn outcomes(self) -> Vec<Result<T, TaskError>> {
        self.block(None);
        // A wait that could not end is told by the call that it was for.
        self.values.into_iter().map(AsyncValue::outcome).collect()
    }

    /// Blocks until every call has ended.
    ///
    /// # Panics
    ///
    /// When the wait can never end ([`TaskError::WouldDeadlock`]); never because a call was lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// let list = pool.map(0..3, |n| n);
    /// list.wait();
    /// assert!(list.is_finished());
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        if !self.block(None) {
            self.values.iter().for_each(AsyncValue::wait);
        }
    }

    /// As [`wait`](Self::wait), for no longer than `timeout` in all: whether every call has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// let list = AsyncList::from(vec![value]);
    /// assert!(!list.wait_timeout(Duration::from_millis(1)));
    /// promise.set(5);
    /// assert!(list.wait_timeout(Duration::ZERO));
    /// ```
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let Some(deadline) = deadline(timeout) else {
            self.wait();
            return true;
        };
        self.block(Some(deadline))
    }

    /// As [`get`](Self::get), for no longer than `timeout` in all.
    ///
    /// # Errors
    ///
    /// The list, when a call has not ended in time.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), when a call ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let list = AsyncList::from(vec![AsyncValue::ready(1), value]);
    /// let list = list.get_timeout(Duration::ZERO).unwrap_err();
    /// promise.set(2);
    /// assert_eq!(list.get_timeout(Duration::ZERO).unwrap(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn get_timeout(self, timeout: Duration) -> Result<Vec<T>, Self> {
        if self.wait_timeout(timeout) { Ok(self.get()) } else { Err(self) }
    }

    /// Whether every call has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let list = AsyncList::from(vec![AsyncValue::ready(1), value]);
    /// assert!(!list.is_finished());
    /// promise.set(2);
    /// assert!(list.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.values.iter().all(AsyncValue::is_finished)
    }

    /// Whether a call has ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let list = AsyncList::from(vec![AsyncValue::ready(1), value]);
    /// drop(promise);
    /// assert!(list.is_error());
    /// ```
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.values.iter().any(AsyncValue::is_error)
    }

    /// Cancels the calls that have not started: how many will never run.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// assert_eq!(pool.map(0..3, |n| n).cancel(), 3);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "one cancels what one no longer cares about")]
    pub fn cancel(self) -> usize {
        // From the end: the calls at the front are the next to start.
        self.values.into_iter().rev().map(|value| usize::from(value.cancel())).sum()
    }

    /// Blocks until a call ends with a value, returns that, and cancels the rest; `None` when no call does.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let (never_set, slow) = AsyncValue::promise();
    /// let list = AsyncList::from(vec![slow, AsyncValue::ready("fast")]);
    /// assert_eq!(list.first(), Some("fast"));
    /// # drop(never_set);
    /// ```
    #[must_use]
    pub fn first(self) -> Option<T> {
        let mut calls = self.as_completed();
        let first = calls.find_map(|(_, outcome)| outcome.ok());
        AsyncList::from(calls.into_values()).cancel();
        first
    }

    /// As [`first`](Self::first), for no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// The list, when no call has ended with a value in time, and some may yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let list = AsyncList::from(vec![value]).first_timeout(Duration::from_millis(1)).unwrap_err();
    /// promise.set(5);
    /// assert_eq!(list.first_timeout(Duration::from_millis(1)).unwrap(), Some(5));
    /// ```
    pub fn first_timeout(self, timeout: Duration) -> Result<Option<T>, Self> {
        let Some(deadline) = deadline(timeout) else { return Ok(self.first()) };
        let mut calls = self.as_completed();
        while calls.left > 0 {
            let Some(index) = calls.next_index(Some(deadline)) else { return Err(Self::from(calls.into_values())) };
            if calls.values[index].as_ref().is_some_and(|value| !value.is_error()) {
                let first = calls.values[index].take().map(value_of);
                AsyncList::from(calls.into_values()).cancel();
                return Ok(first);
            }
        }
        Ok(None)
    }

    /// The calls as they end: each with its place in call order, and how it ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let mut calls = AsyncList::from(vec![value, AsyncValue::ready("first")]).as_completed();
    /// assert_eq!(calls.len(), 2);
    /// assert_eq!(calls.next().unwrap().0, 1);
    /// promise.set("second");
    /// assert_eq!(calls.next().unwrap().1.unwrap(), "second");
    /// assert!(calls.next().is_none());
    /// ```
    pub fn as_completed(self) -> AsCompleted<T> {
        let site = self.values.first().map_or_else(|| site_of(&AS_COMPLETED), |value| value.node().site());
        AsCompleted::new(self.values, site)
    }

    /// What a worker that waits for these calls could run meanwhile.
    fn agenda(&self) -> Option<Arc<Agenda>> {
        let here = current()?;
        notify::drain();
        Some(here.agenda(calls_of(&self.values)))
    }

    /// `false` when the deadline came first, or a wait cannot end.
    fn block(&self, deadline: Option<Instant>) -> bool {
        if self.is_finished() {
            return true;
        }
        let agenda = self.agenda();
        // From the end: when the last call has ended most others have, and the thread is not woken for each.
        let pending = self.values.iter().rev().filter(|value| !value.is_finished());
        let ended = pending.map(|value| -> Arc<dyn Call> { value.node().clone() }).all(|call| {
            let waited = block(&call, deadline, agenda.as_ref());
            waited.unwrap_or(false)
        });
        finish(agenda);
        ended
    }

    pub(crate) fn pool_id(&self) -> PoolId {
        self.values.first().map_or(PoolId::NONE, |value| value.node().pool_id())
    }
}

fn finish(agenda: Option<Arc<Agenda>>) {
    if let Some(agenda) = agenda {
        agenda.finish();
    }
}

static AS_COMPLETED: Function = Function::method("as_completed");

impl<T, E> AsyncList<Result<T, E>> {
    /// Blocks until every call has ended: all results and all errors, each in call order. The `join()` of py-asynctools.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, parallel};
    ///
    /// #[parallel]
    /// fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    ///     text.parse()
    /// }
    ///
    /// let (numbers, errors) = ["1", "two", "3"].into_iter().map(parse).collect::<AsyncList<_>>().join();
    /// assert_eq!(numbers, [1, 3]);
    /// assert_eq!(errors.len(), 1);
    /// ```
    #[must_use]
    pub fn join(self) -> (Vec<T>, Vec<CallError<E>>) {
        let (mut results, mut errors) = (Vec::with_capacity(self.values.len()), Vec::new());
        for outcome in self.outcomes() {
            match outcome {
                Ok(Ok(result)) => results.push(result),
                Ok(Err(error)) => errors.push(CallError::Failed(error)),
                Err(error) => errors.push(CallError::Lost(error)),
            }
        }
        (results, errors)
    }

    /// Blocks until a call ends with `Ok`, returns that, and cancels the rest.
    ///
    /// # Errors
    ///
    /// All errors in call order, when no call ended with `Ok`.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let list = AsyncList::from(vec![AsyncValue::ready(Err("down")), AsyncValue::ready(Ok("page"))]);
    /// assert_eq!(list.first_ok().unwrap(), "page");
    /// ```
    pub fn first_ok(self) -> Result<T, Vec<CallError<E>>> {
        let mut errors: Vec<Option<CallError<E>>> = std::iter::repeat_with(|| None).take(self.len()).collect();
        let mut calls = self.as_completed();
        while let Some((index, outcome)) = calls.next() {
            errors[index] = Some(match outcome {
                Ok(Ok(first)) => {
                    AsyncList::from(calls.into_values()).cancel();
                    return Ok(first);
                }
                Ok(Err(error)) => CallError::Failed(error),
                Err(error) => CallError::Lost(error),
            });
        }
        Err(errors.into_iter().flatten().collect())
    }
}

impl<T> Default for AsyncList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<Vec<AsyncValue<T>>> for AsyncList<T> {
    fn from(values: Vec<AsyncValue<T>>) -> Self {
        Self { values, ended: 0 }
    }
}

impl<T> FromIterator<AsyncValue<T>> for AsyncList<T> {
    fn from_iter<I: IntoIterator<Item = AsyncValue<T>>>(values: I) -> Self {
        Self::from(Vec::from_iter(values))
    }
}

impl<T> Extend<AsyncValue<T>> for AsyncList<T> {
    fn extend<I: IntoIterator<Item = AsyncValue<T>>>(&mut self, values: I) {
        self.values.extend(values);
    }
}

impl<T> IntoIterator for AsyncList<T> {
    type Item = AsyncValue<T>;
    type IntoIter = std::vec::IntoIter<AsyncValue<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.values.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a AsyncList<T> {
    type Item = &'a AsyncValue<T>;
    type IntoIter = std::slice::Iter<'a, AsyncValue<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> Future for AsyncList<T> {
    type Output = Vec<T>;

    /// Ready with the results in call order; panics as [`get`](AsyncList::get) does.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<T>> {
        let list = &mut *self;
        while let Some(value) = list.values.get(list.ended) {
            if !value.is_finished() && !watch(&**value.node(), context.waker()) {
                return Poll::Pending;
            }
            if value.is_error() {
                break;
            }
            list.ended += 1;
        }
        Poll::Ready(std::mem::take(list).get())
    }
}

impl<T> fmt::Debug for AsyncList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.values).finish()
    }
}

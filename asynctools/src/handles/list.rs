//! `AsyncList`: the handles of many calls, as one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::current::current;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::PoolId;
use crate::graph::wait::block;
use crate::graph::wait::deadline;
use crate::graph::wait::over;
use crate::graph::wait::raise;
use crate::graph::wait::watch;
use crate::handles::value::AsyncValue;
use crate::handles::value::cancel_all;
use crate::panics::discard;
use crate::panics::discard_all;
use crate::sync::Instant;

/// The handles of many calls, in call order.
///
/// Collect handles into a list, and pass the list to a parameter `Vec<T>` or `&[T]`. Dropping the list lets the calls
/// go on, as dropping an [`AsyncValue`] does.
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
    /// How many calls at the front a poll has seen the end of.
    ended: usize,
}

impl<T> AsyncList<T> {
    /// Makes an empty list.
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

    /// Returns the number of calls, ended or not.
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

    /// Returns whether the list is empty.
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

    /// Iterates over the handles, in call order.
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

    /// Blocks until every call has ended, and returns the results in call order.
    ///
    /// # Panics
    ///
    /// If a call was lost, as [`AsyncValue::get`] does: with the first loss in call order, and as soon as the calls
    /// before the lost one have ended. The other calls go on detached.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// assert_eq!(pool.map(1..4, |n| n * n).get(), [1, 4, 9]);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "a caller may want no more than the end of the calls")]
    #[track_caller]
    pub fn get(self) -> Vec<T> {
        let agenda = self.agenda();
        let mut lost = None;
        // `collect` reuses the allocation of the handles; with four producers that saves a tenth of the time.
        let results = self.values.into_iter().filter_map(|value| {
            if lost.is_some() {
                discard(value);
                return None;
            }
            let site = value.node().site();
            value.into_outcome_of(agenda.as_ref()).map_err(|error| lost = Some((error, site))).ok()
        });
        let results = results.collect();
        finish(agenda);
        if let Some((error, site)) = lost {
            discard_all(results);
            raise(&error, site);
        }
        results
    }

    /// Returns the results in call order if every call has ended, and else the list. Never blocks.
    ///
    /// # Errors
    ///
    /// If a call has not ended: the list.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), if a call ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let list = AsyncList::from([AsyncValue::ready(1), value]).try_get().unwrap_err();
    /// promise.set(2);
    /// assert_eq!(list.try_get().unwrap(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn try_get(self) -> Result<Vec<T>, Self> {
        if self.is_finished() { Ok(self.get()) } else { Err(self) }
    }

    /// Blocks until every call has ended, and returns the result or the loss of each, in call order.
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
        // If the wait would deadlock, `outcome` of that call reports it.
        self.values.into_iter().map(AsyncValue::outcome).collect()
    }

    /// Blocks until every call has ended.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`]). The loss of a call is no reason to panic here.
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

    /// Blocks as [`wait`](Self::wait) does, for at most `timeout` in all, and returns whether every call has ended.
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

    /// Blocks as [`get`](Self::get) does, for at most `timeout` in all.
    ///
    /// # Errors
    ///
    /// If a call has not ended in time: the list.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), if a call ended without a value.
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

    /// Blocks as [`outcomes`](Self::outcomes) does, for at most `timeout` in all.
    ///
    /// # Errors
    ///
    /// If a call has not ended in time: the list.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// let list = AsyncList::from([AsyncValue::ready(1), value]);
    /// let list = list.outcomes_timeout(Duration::ZERO).unwrap_err();
    /// drop(promise);
    /// let outcomes = list.outcomes_timeout(Duration::ZERO).unwrap();
    /// assert!(outcomes[0].is_ok() && outcomes[1].is_err());
    /// ```
    pub fn outcomes_timeout(self, timeout: Duration) -> Result<Vec<Result<T, TaskError>>, Self> {
        match deadline(timeout) {
            Some(deadline) if !self.block(Some(deadline)) => Err(self),
            _ => Ok(self.outcomes()),
        }
    }

    /// Returns whether every call has ended.
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

    /// Returns whether a call has ended without a value.
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

    /// Cancels the calls that have not started, and returns how many those were. They never run.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// assert_eq!(pool.map(0..3, |n| n).cancel(), 3);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "a caller that cancels calls may not care which had started")]
    pub fn cancel(&self) -> usize {
        cancel_all(self.values.iter())
    }

    /// Returns the calls that the worker under this wait may run, if this thread is a worker.
    fn agenda(&self) -> Option<Arc<Agenda>> {
        let here = current()?;
        notify::before_blocking();
        let pending = self.values.iter().filter(|value| !value.is_finished());
        here.agenda(pending.map(|value| -> Arc<dyn Awaited> { value.node().clone() }).collect(), None)
    }

    /// Blocks until every call has ended. Returns `false` if the deadline comes first, or the wait can never end.
    fn block(&self, deadline: Option<Instant>) -> bool {
        if self.is_finished() {
            over();
            return true;
        }
        // A wait with a deadline has no time to look at every call first: each wait looks at its own.
        let agenda = if deadline.is_none() { self.agenda() } else { None };
        // From the end: when the last call has ended most others have, and the thread is not woken for each.
        let pending = self.values.iter().rev().filter(|value| !value.is_finished());
        let ended = pending.map(|value| -> Arc<dyn Awaited> { value.node().clone() }).all(|call| {
            let waited = block(&call, deadline, agenda.as_ref());
            waited.unwrap_or(false)
        });
        finish(agenda);
        ended
    }

    pub(crate) fn pool(&self) -> PoolId {
        self.values.first().map_or(PoolId::NONE, |value| value.node().pool())
    }
}

fn finish(agenda: Option<Arc<Agenda>>) {
    if let Some(agenda) = agenda {
        agenda.finish();
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

impl<T, const N: usize> From<[AsyncValue<T>; N]> for AsyncList<T> {
    fn from(values: [AsyncValue<T>; N]) -> Self {
        Self::from(Vec::from(values))
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

    /// Returns the results in call order when every call has ended, and panics as [`get`](AsyncList::get) does.
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

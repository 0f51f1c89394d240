//! Ends of a list that one call decides: the first value, the first `Ok`, the first failure. The other calls are
//! cancelled, or asked to stop.

use std::time::Duration;

use crate::call_error::CallError;
use crate::graph::wait::deadline;
use crate::handles::completions::Entry;
use crate::handles::list::AsyncList;
use crate::panics::discard_all;

impl<T> AsyncList<T> {
    /// Blocks until a call ends with a value, returns the value, and stops the other calls as
    /// [`request_stop`](Self::request_stop) does; `None` if no call ends with one.
    ///
    /// A handle that `map` or its like has returned is a call of its own, and the calls before it go on: race the calls
    /// themselves, and map the winner.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`](crate::TaskError::WouldDeadlock)).
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
    #[doc(alias = "race")]
    #[must_use]
    pub fn first(self) -> Option<T> {
        let mut calls = self.into_completions();
        while let Some(entry) = calls.next(None) {
            if let Ok(first) = entry.value.into_outcome() {
                calls.discard();
                return Some(first);
            }
        }
        None
    }

    /// Blocks as [`first`](Self::first) does, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// If no call has ended with a value in time, and a call may still do so: the list.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`](crate::TaskError::WouldDeadlock)).
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
        let mut calls = self.into_completions();
        let mut lost = Vec::new();
        while let Some(entry) = calls.next(Some(deadline)) {
            match entry.value.into_value() {
                Ok(first) => {
                    calls.discard();
                    return Ok(Some(first));
                }
                Err(value) => lost.push(Entry { value, ..entry }),
            }
        }
        if calls.len() == 0 {
            return Ok(None);
        }
        lost.extend(calls.into_entries());
        lost.sort_unstable_by_key(|entry| entry.index);
        Err(lost.into_iter().map(|entry| entry.value).collect())
    }
}

impl<T, E> AsyncList<Result<T, E>> {
    /// Blocks until a call ends with `Ok`, returns the value, and stops the other calls as
    /// [`request_stop`](Self::request_stop) does.
    ///
    /// A handle that `map` or its like has returned is a call of its own, and the calls before it go on: race the calls
    /// themselves, and map the winner.
    ///
    /// # Errors
    ///
    /// If no call ended with `Ok`: all errors, in call order.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`](crate::TaskError::WouldDeadlock)).
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let list = AsyncList::from([Err("down"), Ok("page")].map(AsyncValue::ready));
    /// assert_eq!(list.first_ok().unwrap(), "page");
    /// ```
    pub fn first_ok(self) -> Result<T, Vec<CallError<E>>> {
        let mut errors: Vec<Option<CallError<E>>> = std::iter::repeat_with(|| None).take(self.len()).collect();
        let mut calls = self.into_completions();
        while let Some(entry) = calls.next(None) {
            match CallError::flatten(entry.value.into_outcome()) {
                Ok(first) => {
                    calls.discard();
                    discard_all(errors);
                    return Ok(first);
                }
                Err(error) => errors[entry.index] = Some(error),
            }
        }
        Err(errors.into_iter().flatten().collect())
    }

    /// Blocks until every call has ended with `Ok`, and returns the values in call order; or until a call fails, and then
    /// stops the other calls as [`request_stop`](Self::request_stop) does.
    ///
    /// # Errors
    ///
    /// If a call failed: the first failure in time.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`](crate::TaskError::WouldDeadlock)).
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue, CallError};
    ///
    /// let (never_set, slow) = AsyncValue::promise();
    /// let (down, page) = (AsyncValue::ready(Err("down")), AsyncValue::ready(Ok("page")));
    /// let list = AsyncList::from([slow, down, page]);
    /// assert!(matches!(list.all_ok(), Err(CallError::Failed("down"))));
    /// # drop(never_set);
    /// ```
    pub fn all_ok(self) -> Result<Vec<T>, CallError<E>> {
        let mut values: Vec<Option<T>> = std::iter::repeat_with(|| None).take(self.len()).collect();
        let mut calls = self.into_completions();
        while let Some(entry) = calls.next(None) {
            match CallError::flatten(entry.value.into_outcome()) {
                Ok(value) => values[entry.index] = Some(value),
                Err(error) => {
                    calls.discard();
                    discard_all(values);
                    return Err(error);
                }
            }
        }
        Ok(values.into_iter().flatten().collect())
    }
}

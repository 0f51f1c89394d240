//! The first of many calls: returned as soon as it ends well, and the other calls are cancelled.

use std::time::Duration;

use crate::error::CallError;
use crate::graph::wait::deadline;
use crate::handles::list::AsyncList;
use crate::handles::list::discard_all;
use crate::handles::value::AsyncValue;
use crate::panics::discard;

impl<T> AsyncList<T> {
    /// Blocks until a call ends with a value, returns the value, and cancels the other calls; `None` if no call ends
    /// with one.
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
        discard_all(calls.into_values());
        first
    }

    /// Blocks as [`first`](Self::first) does, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// If no call has ended with a value in time, and a call may still do so: the list.
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
            match calls.values[index].take().map(AsyncValue::into_value) {
                Some(Ok(first)) => {
                    discard_all(calls.into_values());
                    return Ok(Some(first));
                }
                lost => calls.values[index] = lost.and_then(Result::err),
            }
        }
        Ok(None)
    }
}

impl<T, E> AsyncList<Result<T, E>> {
    /// Blocks until a call ends with `Ok`, returns the value, and cancels the other calls.
    ///
    /// # Errors
    ///
    /// If no call ended with `Ok`: all errors, in call order.
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
                    discard_all(calls.into_values());
                    errors.into_iter().for_each(discard);
                    return Ok(first);
                }
                Ok(Err(error)) => CallError::Failed(error),
                Err(error) => CallError::Lost(error),
            });
        }
        Err(errors.into_iter().flatten().collect())
    }
}

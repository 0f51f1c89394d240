//! `AsCompleted`: returns calls in the order in which they end.

use std::fmt;
use std::time::Duration;

use crate::call_error::CallError;
use crate::call_error::TimedOut;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::wait::deadline;
use crate::handles::completions::Completions;
use crate::handles::list::AsyncList;
use crate::handles::value::AsyncValue;

/// Returns the calls of an [`AsyncList`] as they end, made by [`as_completed`](AsyncList::as_completed).
///
/// [`next`](Iterator::next) blocks until a call has ended, and returns its index and its outcome. The index counts the
/// calls in the order in which the set got them: first those of the list, then those of [`push`](Self::push). Dropping
/// the iterator lets the other calls go on.
///
/// # Examples
///
/// A crawler, which takes a page and pushes the pages that it found there:
///
/// ```
/// use asynctools::{AsyncList, pooled};
///
/// #[pooled(workers = 4)]
/// fn links(page: u32) -> Vec<u32> {
///     // Page n links to the pages 2n and 2n + 1.
///     [2 * page, 2 * page + 1].into_iter().filter(|page| *page < 16).collect()
/// }
///
/// let mut pages = AsyncList::from([links(1)]).as_completed();
/// let mut seen = 0;
/// while let Some((_index, found)) = pages.next() {
///     seen += 1;
///     pages.extend(found.unwrap().into_iter().map(links));
/// }
/// assert_eq!(seen, 15);
/// ```
#[must_use = "the calls run, but their results are lost; iterate over them, or `drop` them to say that nobody needs them"]
pub struct AsCompleted<T> {
    pub(crate) calls: Completions<(), T>,
}

static AS_COMPLETED: Function = Function::method("as_completed");

impl<T> AsyncList<T> {
    /// Returns the calls as they end: the index of each in call order, and its outcome.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let mut calls = AsyncList::from([value, AsyncValue::ready("first")]).as_completed();
    /// assert_eq!(calls.len(), 2);
    /// assert_eq!(calls.next().unwrap().0, 1);
    /// promise.set("second");
    /// assert_eq!(calls.next().unwrap().1.unwrap(), "second");
    /// assert!(calls.next().is_none());
    /// ```
    #[track_caller]
    pub fn as_completed(self) -> AsCompleted<T> {
        AsCompleted { calls: self.into_completions() }
    }

    #[track_caller]
    pub(crate) fn into_completions(self) -> Completions<(), T> {
        let here = CallSite::here(&AS_COMPLETED);
        let mut calls = Completions::new(self.iter().next().map_or(here, |value| value.node().site()));
        calls.extend(self.into_iter().map(|call| ((), call)));
        calls
    }
}

impl<T> AsCompleted<T> {
    /// Adds a call. After the last call has been returned, a pushed call makes the iterator go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let mut calls = AsyncList::from([AsyncValue::ready("a")]).as_completed();
    /// assert_eq!(calls.next().unwrap().0, 0);
    /// assert!(calls.next().is_none());
    /// calls.push(AsyncValue::ready("b"));
    /// assert_eq!(calls.next().unwrap().0, 1);
    /// ```
    pub fn push(&mut self, call: AsyncValue<T>) {
        self.calls.push((), call);
    }

    /// Blocks as [`next`](Iterator::next) does, for at most `timeout`. [`Duration::ZERO`] looks without blocking.
    ///
    /// # Errors
    ///
    /// If no call has ended in time: [`TimedOut`]. The calls go on, and the iterator can be used again.
    ///
    /// # Panics
    ///
    /// As `next`.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue, TimedOut};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let mut calls = AsyncList::from([value]).as_completed();
    /// assert!(matches!(calls.next_timeout(Duration::ZERO), Err(TimedOut)));
    /// promise.set(5);
    /// assert!(matches!(calls.next_timeout(Duration::ZERO), Ok(Some((0, Ok(5))))));
    /// assert!(matches!(calls.next_timeout(Duration::ZERO), Ok(None)));
    /// ```
    #[expect(clippy::type_complexity, reason = "the item of the iterator, which has no shorter name")]
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<(usize, Result<T, TaskError>)>, TimedOut> {
        if self.calls.len() == 0 {
            return Ok(None);
        }
        let entry = self.calls.next(deadline(timeout)).ok_or(TimedOut)?;
        Ok(Some((entry.index, entry.value.into_outcome())))
    }

    /// Cancels the calls that have not started, and returns how many those were. The iterator returns them as
    /// [`TaskError::Cancelled`].
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let calls = pool.map(0..3, |n| n).as_completed();
    /// assert_eq!(calls.cancel(), 3);
    /// assert!(calls.into_iter().all(|(_index, outcome)| outcome.is_err()));
    /// ```
    #[expect(clippy::must_use_candidate, reason = "a caller that cancels calls may not care which had started")]
    pub fn cancel(&self) -> usize {
        self.calls.cancel()
    }

    /// Returns the calls that the iterator has not returned, in the order in which the set got them.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue};
    ///
    /// let mut calls = AsyncList::from([1, 2, 3].map(AsyncValue::ready)).as_completed();
    /// calls.next();
    /// assert_eq!(calls.into_list().get(), [2, 3]);
    /// ```
    pub fn into_list(self) -> AsyncList<T> {
        self.calls.into_entries().into_iter().map(|entry| entry.value).collect()
    }
}

impl<T, E> AsCompleted<Result<T, E>> {
    /// Returns the calls as they end: the index of each, and its result or its failure.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, CallError, parallel};
    ///
    /// #[parallel]
    /// fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    ///     text.parse()
    /// }
    ///
    /// let texts = ["1", "two"];
    /// let numbers: AsyncList<_> = texts.into_iter().map(parse).collect();
    /// for (index, number) in numbers.as_completed().results() {
    ///     match number {
    ///         Ok(number) => assert_eq!(number, 1),
    ///         Err(CallError::Failed(_)) => assert_eq!(texts[index], "two"),
    ///         Err(CallError::Lost(error)) => panic!("{error}"),
    ///     }
    /// }
    /// ```
    pub fn results(self) -> impl Iterator<Item = (usize, Result<T, CallError<E>>)> {
        self.map(|(index, outcome)| (index, CallError::flatten(outcome)))
    }
}

impl<T> Extend<AsyncValue<T>> for AsCompleted<T> {
    fn extend<I: IntoIterator<Item = AsyncValue<T>>>(&mut self, calls: I) {
        self.calls.extend(calls.into_iter().map(|call| ((), call)));
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T, TaskError>);

    /// Blocks until a call has ended, and returns its index and outcome; `None` if all calls were returned.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`]).
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.calls.next(None)?;
        Some((entry.index, entry.value.into_outcome()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.calls.len(), Some(self.calls.len()))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.calls.len()).finish_non_exhaustive()
    }
}

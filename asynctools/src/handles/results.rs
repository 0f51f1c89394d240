//! Ends of a list of fallible calls that wait for every call.

use std::time::Duration;

use crate::call_error::CallError;
use crate::handles::list::AsyncList;

impl<T, E> AsyncList<Result<T, E>> {
    /// Blocks until every call has ended, and returns all results and all errors, each in call order, as `join()` of
    /// py-asynctools does.
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
    /// let calls: AsyncList<_> = ["1", "two", "3"].into_iter().map(parse).collect();
    /// let (numbers, errors) = calls.join();
    /// assert_eq!(numbers, [1, 3]);
    /// assert_eq!(errors.len(), 1);
    /// ```
    #[doc(alias = "partition")]
    #[must_use]
    pub fn join(self) -> (Vec<T>, Vec<CallError<E>>) {
        let (mut results, mut errors) = (Vec::with_capacity(self.len()), Vec::new());
        for result in self.results() {
            match result {
                Ok(result) => results.push(result),
                Err(error) => errors.push(error),
            }
        }
        (results, errors)
    }

    /// Blocks as [`join`](Self::join) does, for at most `timeout` in all.
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
    /// let (promise, value) = AsyncValue::promise();
    /// let list = AsyncList::from([AsyncValue::ready(Ok(1)), value]);
    /// let list = list.join_timeout(Duration::ZERO).unwrap_err();
    /// promise.set(Err("down"));
    /// let (values, errors) = list.join_timeout(Duration::ZERO).unwrap();
    /// assert_eq!((values, errors.len()), (vec![1], 1));
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> Result<(Vec<T>, Vec<CallError<E>>), Self> {
        if self.wait_timeout(timeout) { Ok(self.join()) } else { Err(self) }
    }

    /// Blocks until every call has ended, and returns the value or the failure of each, in call order: so the results can
    /// be zipped with the inputs.
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
    /// let texts = ["1", "two", "3"];
    /// let numbers = texts.into_iter().map(parse).collect::<AsyncList<_>>().results();
    /// for (text, number) in texts.iter().zip(numbers) {
    ///     assert_eq!(number.is_err(), *text == "two", "{text}");
    /// }
    /// ```
    #[must_use]
    pub fn results(self) -> Vec<Result<T, CallError<E>>> {
        self.outcomes().into_iter().map(CallError::flatten).collect()
    }
}

//! The ends of a list of fallible calls.

use crate::error::CallError;
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
}

//! `results` of windows whose calls are fallible.

use std::iter::FusedIterator;

use crate::call_error::CallError;
use crate::handles::window::BufferUnordered;
use crate::handles::window::Buffered;
use crate::handles::window::Pending;
use crate::handles::window::Window;

/// Returns the value or the failure of each fallible call of a window.
///
/// Made by [`Buffered::results`] and [`BufferUnordered::results`].
#[must_use = "no call is made before the first `next`"]
#[derive(Debug)]
pub struct Results<W>(W);

impl<I, T, E> Buffered<I>
where
    I: Iterator<Item: Pending<Value = Result<T, E>>>,
{
    /// Returns the value or the failure of each call, in the order of the calls: the error of the function and the loss of
    /// the call are one [`CallError`], and no loss is a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Calls as _, pooled};
    ///
    /// #[pooled(workers = 2)]
    /// fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    ///     text.parse()
    /// }
    ///
    /// let calls = ["1", "two", "3"].into_iter().map(parse);
    /// let numbers: Vec<u8> = calls.buffered(2).results().flatten().collect();
    /// assert_eq!(numbers, [1, 3]);
    /// ```
    pub fn results(self) -> Results<Self> {
        Results(self)
    }
}

impl<I, T, E> BufferUnordered<I>
where
    I: Iterator<Item: Pending<Value = Result<T, E>>>,
{
    /// Returns the value or the failure of each call, in the order in which the calls end: the error of the function and
    /// the loss of the call are one [`CallError`], and no loss is a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallError, Calls as _, pooled};
    ///
    /// #[pooled(workers = 2)]
    /// fn parse(text: &str) -> Result<u8, std::num::ParseIntError> {
    ///     text.parse()
    /// }
    ///
    /// let calls = ["1", "two", "3"].into_iter().map(|text| (text, parse(text)));
    /// for (text, number) in calls.buffer_unordered(2).results() {
    ///     match number {
    ///         Ok(number) => assert_eq!(number.to_string(), text),
    ///         Err(CallError::Failed(_)) => assert_eq!(text, "two"),
    ///         Err(CallError::Lost(error)) => panic!("{error}"),
    ///     }
    /// }
    /// ```
    pub fn results(self) -> Results<Self> {
        Results(self)
    }
}

impl<W, T, E> Iterator for Results<W>
where
    W: Window<Call: Pending<Value = Result<T, E>>>,
{
    type Item = <W::Call as Pending>::Keyed<Result<T, CallError<E>>>;

    /// Makes calls until the window is full, blocks until the next call to return has ended, and returns its value or its
    /// failure.
    ///
    /// # Panics
    ///
    /// If the source panics.
    fn next(&mut self) -> Option<Self::Item> {
        let (key, call) = self.0.next_call()?;
        Some(W::Call::keyed(key, CallError::flatten(call.outcome())))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<W, T, E> FusedIterator for Results<W> where W: Window<Call: Pending<Value = Result<T, E>>> {}

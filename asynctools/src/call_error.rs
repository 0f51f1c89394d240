//! `CallError` and `TimedOut`: the errors of many calls, where one call has a `TaskError`.

use std::error::Error;
use std::fmt;
use std::io;

use crate::error::TaskError;

/// The failure of one call of a list: the function's own error, or the loss of the call.
///
/// [`AsyncList::join`](crate::AsyncList::join) and its like return this error.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncList, CallError, pooled};
///
/// #[pooled(workers = 2)]
/// fn half(n: u32) -> Result<u32, String> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// }
///
/// let (halves, errors) = (0..4).map(half).collect::<AsyncList<_>>().join();
/// assert_eq!(halves, [0, 1]);
/// assert!(matches!(&errors[0], CallError::Failed(text) if text == "1 is odd"));
/// ```
#[derive(Clone, Debug)]
pub enum CallError<E> {
    /// The function returned this error.
    Failed(E),
    /// The call ended without a result.
    Lost(TaskError),
}

impl<E> CallError<E> {
    /// Merges the two ways in which a fallible call fails.
    pub(crate) fn flatten<T>(outcome: Result<Result<T, E>, TaskError>) -> Result<T, Self> {
        outcome.map_err(Self::Lost)?.map_err(Self::Failed)
    }

    /// Returns the function's own error, or converts the loss of the call into one: so `?` works with any error type that
    /// takes a [`TaskError`], such as [`io::Error`] and those of `anyhow` and `eyre`. For an `io::Error`, `?` alone does the
    /// same.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, CallError, parallel};
    /// use std::error::Error;
    ///
    /// #[parallel]
    /// fn parse(text: &str) -> Result<u8, Box<dyn Error + Send + Sync>> {
    ///     Ok(text.parse()?)
    /// }
    ///
    /// fn sum(texts: &[&str]) -> Result<u8, Box<dyn Error + Send + Sync>> {
    ///     let numbers: AsyncList<_> = texts.iter().copied().map(parse).collect();
    ///     Ok(numbers.all_ok().map_err(CallError::into_error)?.iter().sum())
    /// }
    ///
    /// assert_eq!(sum(&["1", "2"]).unwrap(), 3);
    /// assert_eq!(sum(&["1", "two"]).unwrap_err().to_string(), "invalid digit found in string");
    /// ```
    pub fn into_error(self) -> E
    where
        E: From<TaskError>,
    {
        match self {
            Self::Failed(error) => error,
            Self::Lost(error) => error.into(),
        }
    }
}

impl<E> From<TaskError> for CallError<E> {
    fn from(error: TaskError) -> Self {
        Self::Lost(error)
    }
}

impl From<CallError<Self>> for io::Error {
    /// Converts as [`CallError::into_error`] does.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, pooled};
    /// use std::{fs, io};
    ///
    /// #[pooled]
    /// fn load(path: &str) -> io::Result<String> {
    ///     fs::read_to_string(path)
    /// }
    ///
    /// fn load_all(paths: &[&str]) -> io::Result<Vec<String>> {
    ///     Ok(paths.iter().copied().map(load).collect::<AsyncList<_>>().all_ok()?)
    /// }
    ///
    /// assert_eq!(load_all(&["Cargo.toml"]).unwrap().len(), 1);
    /// assert_eq!(load_all(&["Cargo.toml", "none"]).unwrap_err().kind(), io::ErrorKind::NotFound);
    /// ```
    fn from(error: CallError<Self>) -> Self {
        error.into_error()
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Lost(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for CallError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Lost(error) => error.source(),
        }
    }
}

/// No call has ended in time: the error of [`AsCompleted::next_timeout`](crate::AsCompleted::next_timeout).
///
/// # Examples
///
/// ```
/// assert_eq!(asynctools::TimedOut.to_string(), "no call has ended in time");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no call has ended in time")
    }
}

impl Error for TimedOut {}

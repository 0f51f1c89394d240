//! `Shared`: one result for many readers.

use std::fmt;
use std::future::Future;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use crate::error::TaskError;
use crate::graph::traits::Awaited;
use crate::graph::traits::PoolId;
use crate::graph::wait::block_on;
use crate::graph::wait::deadline;
use crate::graph::wait::raise;
use crate::handles::kept::Kept;
use crate::handles::polled::Polled;
use crate::handles::value::AsyncValue;
use crate::sync::Instant;

/// The handle to one result for many readers, made by [`AsyncValue::shared`].
///
/// Clone the handle, [`get`](Self::get) a reference, or pass the handle to any number of calls: a parameter `&T`
/// borrows the result, and a parameter `T` clones it. Dropping the handle lets the call go on; the last handle drops
/// the result.
///
/// # Examples
///
/// ```
/// use asynctools::{Shared, pooled};
///
/// #[pooled]
/// fn load() -> String {
///     "some text".to_string()
/// }
///
/// #[pooled]
/// fn words(text: &str) -> usize {
///     text.split(' ').count()
/// }
///
/// let text: Shared<String> = load().shared();
/// let (a, b) = (words(text.clone()), words(text.clone()));
/// assert_eq!((a.get(), b.get(), text.get().as_str()), (2, 2, "some text"));
/// ```
///
/// If a fallible call fails, its error goes to each call that would have read the result, so the error is cloned.
/// [`io::Error`](std::io::Error) is not `Clone`. An `Arc` of it is, and `?` makes one:
///
/// ```
/// use asynctools::{Shared, pooled};
/// use std::{fs, io, path::Path, sync::Arc};
///
/// #[pooled]
/// fn load(path: &Path) -> io::Result<String> {
///     fs::read_to_string(path)
/// }
///
/// #[pooled]
/// fn save(text: &str, path: &Path) -> Result<(), Arc<io::Error>> {
///     Ok(fs::write(path, text)?)
/// }
///
/// let text: Shared<Result<String, Arc<io::Error>>> =
///     load(Path::new("no such file")).map_err(Arc::new).shared();
/// let copies = ["a", "b"].map(|name| save(text.clone(), Path::new(name)));
/// for copy in copies {
///     assert_eq!(copy.get().unwrap_err().kind(), io::ErrorKind::NotFound);
/// }
/// ```
#[must_use = "the call runs, but its result is lost; `.get()` it, or `drop` it to say that nobody needs it"]
pub struct Shared<T> {
    kept: Arc<Kept<T>>,
    /// This handle among the waiters, from its first poll on.
    polled: Option<Polled>,
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(crate) fn new(value: AsyncValue<T>) -> Self {
        Self { kept: Kept::new(value), polled: None }
    }

    /// Blocks until the call ends, and returns a reference to its result.
    ///
    /// # Panics
    ///
    /// As [`AsyncValue::get`]: the first reader of a panic gets the payload, the other readers get its text.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let text = parallel(|| "some text".to_owned()).shared();
    /// assert_eq!(text.get().len(), 9);
    /// assert_eq!(text.clone().get(), "some text");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn get(&self) -> &T {
        match self.outcome() {
            Ok(value) => value,
            Err(error) => raise(&error, self.kept.hub().site()),
        }
    }

    /// Blocks until the call ends, and returns a reference to its result, or its loss.
    ///
    /// # Errors
    ///
    /// As [`AsyncValue::outcome`].
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// let shared = value.shared();
    /// drop(promise);
    /// assert!(matches!(shared.outcome(), Err(TaskError::Abandoned)));
    /// ```
    pub fn outcome(&self) -> Result<&T, TaskError> {
        self.block(None)?;
        self.ended().as_ref().map_err(TaskError::clone)
    }

    /// Returns a reference to the result if the call has ended. Never blocks.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), if the call ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let shared = value.shared();
    /// assert_eq!(shared.try_get(), None);
    /// promise.set(5);
    /// assert_eq!(shared.try_get(), Some(&5));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn try_get(&self) -> Option<&T> {
        if self.is_finished() { Some(self.get()) } else { None }
    }

    /// Blocks until the call ends.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`]). The loss of the call is no reason to panic here.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let text = parallel(|| "some text").shared();
    /// text.wait();
    /// assert_eq!(text.try_get(), Some(&"some text"));
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        if let Err(error) = self.block(None) {
            raise(&error, self.kept.hub().site());
        }
    }

    /// Blocks as [`wait`](Self::wait) does, for at most `timeout`, and returns whether the call has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    /// use std::time::Duration;
    ///
    /// assert!(AsyncValue::ready(5).shared().wait_timeout(Duration::ZERO));
    /// ```
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let Some(deadline) = deadline(timeout) else {
            self.wait();
            return true;
        };
        self.block(Some(deadline)).unwrap_or(false)
    }

    /// Blocks as [`get`](Self::get) does, for at most `timeout`; `None` if the call has not ended in time.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), if the call ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let shared = value.shared();
    /// assert_eq!(shared.get_timeout(Duration::ZERO), None);
    /// promise.set(5);
    /// assert_eq!(shared.get_timeout(Duration::ZERO), Some(&5));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn get_timeout(&self, timeout: Duration) -> Option<&T> {
        if self.wait_timeout(timeout) { Some(self.get()) } else { None }
    }

    /// Blocks as [`outcome`](Self::outcome) does, for at most `timeout`; `None` if the call has not ended in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// let shared = value.shared();
    /// assert!(shared.outcome_timeout(Duration::ZERO).is_none());
    /// drop(promise);
    /// assert!(matches!(shared.outcome_timeout(Duration::ZERO), Some(Err(TaskError::Abandoned))));
    /// ```
    #[must_use]
    pub fn outcome_timeout(&self, timeout: Duration) -> Option<Result<&T, TaskError>> {
        let ended = deadline(timeout).is_none_or(|deadline| self.block(Some(deadline)).unwrap_or(false));
        ended.then(|| self.outcome())
    }

    /// Returns the result if the call has ended with a value and this is the last handle, and else the handle. Never
    /// blocks.
    ///
    /// # Errors
    ///
    /// If the call has not ended, or was lost, or another handle or call still shares the result: the handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let shared = AsyncValue::ready(String::from("text")).shared();
    /// let other = shared.clone();
    /// let shared = shared.try_unwrap().unwrap_err();
    /// drop(other);
    /// assert_eq!(shared.try_unwrap().unwrap(), "text");
    /// ```
    pub fn try_unwrap(self) -> Result<T, Self> {
        if !self.is_finished() || self.is_error() {
            return Err(self);
        }
        let shared = |kept| Self { kept, polled: None };
        let kept = Arc::try_unwrap(self.kept).map_err(shared)?;
        let Some(Ok(value)) = kept.take() else { unreachable!("the call ended with a value") };
        Ok(value)
    }

    /// Returns whether the call has ended, with a value or without.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let shared = value.shared();
    /// assert!(!shared.is_finished());
    /// promise.set(5);
    /// assert!(shared.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.kept.hub().is_done()
    }

    /// Returns whether the call has ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// let shared = value.shared();
    /// drop(promise);
    /// assert!(shared.is_error());
    /// ```
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.is_finished() && self.ended().is_err()
    }

    fn block(&self, deadline: Option<Instant>) -> Result<bool, TaskError> {
        block_on(&**self.kept.hub(), &|| self.call(), deadline, None)
    }

    pub(crate) fn call(&self) -> Arc<dyn Awaited> {
        self.kept.hub().clone()
    }

    pub(crate) fn into_kept(self) -> Arc<Kept<T>> {
        self.kept
    }

    pub(crate) fn followers_run_on(&self) -> PoolId {
        self.kept.pool()
    }

    fn ended(&self) -> &Result<T, TaskError> {
        self.kept.ended()
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { kept: self.kept.clone(), polled: None }
    }
}

impl<T: Send + Sync + 'static> From<AsyncValue<T>> for Shared<T> {
    fn from(value: AsyncValue<T>) -> Self {
        value.shared()
    }
}

/// Each handle can be polled by a task of its own.
impl<T: Clone + Send + Sync + 'static> Future for Shared<T> {
    type Output = T;

    /// Returns a clone of the result when the call has ended, and panics as [`get`](Shared::get) does.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if !self.is_finished() {
            match &self.polled {
                Some(polled) => polled.set(context.waker()),
                None => self.polled = Some(Polled::new(self.call(), context.waker())),
            }
            // The call may have ended before the waker was there.
            if !self.is_finished() {
                return Poll::Pending;
            }
        }
        self.polled = None;
        Poll::Ready(self.get().clone())
    }
}

impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (call, done) = (self.kept.call_site(), self.kept.has_ended());
        f.debug_struct("Shared").field("call", &call).field("is_finished", &done).finish_non_exhaustive()
    }
}

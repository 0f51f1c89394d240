//! `AsyncValue`: the handle of a call.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::node::NoWork;
use crate::graph::node::Node;
use crate::graph::node::Slot;
use crate::graph::node::State;
use crate::graph::traits::Call;
use crate::graph::traits::PoolId;
use crate::graph::wait::block;
use crate::graph::wait::deadline;
use crate::graph::wait::raise;
use crate::graph::wait::watch;
use crate::sync::Instant;

/// A call that is running, or will: the handle to its result.
///
/// Dropping it lets the call go on, and drops its result as soon as there is one; [`detach`](Self::detach) says so.
/// Block on it ([`get`](Self::get)), `.await` it, pass it as an argument to an annotated function, collect many of them into
/// an [`AsyncList`](crate::AsyncList).
///
/// All that happens before the call happens before its body, and all that happens in its body happens before `get`
/// returns.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, parallel};
///
/// #[parallel]
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// let sum: AsyncValue<u32> = add(1, 2);
/// assert_eq!(sum.get(), 3);
/// ```
#[must_use = "the call runs, but its result is lost; `.get()` it, or `.detach()` to say that nobody needs it"]
pub struct AsyncValue<T> {
    /// `None` only once the result was taken: a type with a `Drop` cannot be taken apart.
    node: Option<Arc<dyn Slot<T>>>,
}

static READY: Function = Function::method("ready");

impl<T> AsyncValue<T> {
    /// A value that is already there.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// assert_eq!(AsyncValue::ready(5).get(), 5);
    /// ```
    #[track_caller]
    pub fn ready(value: T) -> Self
    where
        T: Send + 'static,
    {
        let site = CallSite::new(&READY, Location::caller());
        Self::of(Node::<NoWork<T>>::new(State::Done(Ok(value)), true, PoolId::NONE, site))
    }

    pub(crate) fn of(node: Arc<dyn Slot<T>>) -> Self {
        Self { node: Some(node) }
    }

    pub(crate) fn node(&self) -> &Arc<dyn Slot<T>> {
        let Some(node) = &self.node else { panic!("`AsyncValue` polled after it was ready") };
        node
    }

    /// Blocks until the call ends, and returns its result.
    ///
    /// # Panics
    ///
    /// With the payload of the call if it panicked (of several readers of one panic the first gets the payload, the others
    /// its text); with a message that names the call if it was lost in another way. [`outcome`](Self::outcome) does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// assert_eq!(parallel(|| 2 + 3).get(), 5);
    /// ```
    #[expect(clippy::must_use_candidate, reason = "of a call without a result one only wants the end")]
    #[track_caller]
    pub fn get(mut self) -> T {
        self.wait();
        let site = self.node().site();
        match self.take() {
            Ok(value) => value,
            Err(error) => raise(&error, site),
        }
    }

    /// Blocks until the call ends, and returns its result, or how it was lost.
    ///
    /// # Errors
    ///
    /// The call panicked, was cancelled, or was lost in another way that the [`TaskError`] tells.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// let call = pool.spawn(|| -> u8 { panic!("no luck") });
    /// assert!(call.outcome().unwrap_err().to_string().ends_with("panicked: no luck"));
    /// ```
    pub fn outcome(self) -> Result<T, TaskError> {
        self.into_outcome_of(None)
    }

    /// The result if the call has ended; else the handle back. Never blocks.
    ///
    /// # Errors
    ///
    /// The handle, when the call has not ended.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), when the call ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let value = value.try_get().unwrap_err();
    /// promise.set(5);
    /// assert_eq!(value.try_get().unwrap(), 5);
    /// ```
    #[track_caller]
    pub fn try_get(self) -> Result<T, Self> {
        if self.is_finished() { Ok(self.get()) } else { Err(self) }
    }

    /// As [`get`](Self::get), for no longer than `timeout`. A wait of `Duration::MAX` is for ever.
    ///
    /// # Errors
    ///
    /// The handle, when the call has not ended in time.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get), when the call ended without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// let value = value.get_timeout(Duration::from_millis(1)).unwrap_err();
    /// promise.set(5);
    /// assert_eq!(value.get_timeout(Duration::MAX).unwrap(), 5);
    /// ```
    #[track_caller]
    pub fn get_timeout(self, timeout: Duration) -> Result<T, Self> {
        if self.wait_timeout(timeout) { Ok(self.get()) } else { Err(self) }
    }

    /// As [`outcome`](Self::outcome), for no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// The handle, when the call has not ended in time; inside, how the call was lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// drop(promise);
    /// let outcome = value.outcome_timeout(Duration::from_secs(1)).unwrap();
    /// assert!(matches!(outcome, Err(TaskError::Abandoned)));
    /// ```
    pub fn outcome_timeout(self, timeout: Duration) -> Result<Result<T, TaskError>, Self> {
        if self.wait_timeout(timeout) { Ok(self.outcome()) } else { Err(self) }
    }

    /// Blocks until the call ends, and leaves the result where it is.
    ///
    /// # Panics
    ///
    /// When the wait can never end ([`TaskError::WouldDeadlock`]); never because the call was lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let call = parallel(|| 5);
    /// call.wait();
    /// assert!(call.is_finished());
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        if let Err(error) = self.block(None, None) {
            raise(&error, self.node().site());
        }
    }

    /// As [`wait`](Self::wait), for no longer than `timeout`: whether the call has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    /// use std::time::Duration;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// assert!(!value.wait_timeout(Duration::ZERO));
    /// promise.set(5);
    /// assert!(value.wait_timeout(Duration::ZERO));
    /// ```
    #[must_use]
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        if self.is_finished() {
            return true;
        }
        let Some(deadline) = deadline(timeout) else {
            self.wait();
            return true;
        };
        self.block(Some(deadline), None).unwrap_or(false)
    }

    /// Whether the call has ended, with a value or without.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// assert!(!value.is_finished());
    /// promise.set(5);
    /// assert!(value.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.node().is_done()
    }

    /// Whether the call has ended without a value: it panicked, was cancelled, or was lost in another way.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// assert!(!value.is_error());
    /// drop(promise);
    /// assert!(value.is_error());
    /// ```
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.node().has_failed()
    }

    /// Ends the call if it has not started: `true` says that it never ran and never will, and that its arguments are
    /// dropped. `false`: too late, or there is nothing to cancel since it is a promise. Calls that it needs go on; calls
    /// that need it end as [`TaskError::Upstream`].
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// assert!(pool.spawn(|| 5).cancel());
    /// ```
    #[expect(clippy::must_use_candidate, reason = "one cancels what one no longer cares about")]
    pub fn cancel(self) -> bool {
        self.node().lose(TaskError::Cancelled)
    }

    /// Lets the call go on, and drops its result as soon as there is one: what dropping the handle does, said aloud.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// Pool::global().spawn(|| println!("nobody waits for me")).detach();
    /// ```
    pub fn detach(self) {
        drop(self);
    }

    fn block(&self, deadline: Option<Instant>, agenda: Option<&Arc<Agenda>>) -> Result<bool, TaskError> {
        if self.is_finished() {
            return Ok(true);
        }
        let call: Arc<dyn Call> = self.node().clone();
        block(&call, deadline, agenda)
    }

    fn take(&mut self) -> Result<T, TaskError> {
        let Some(node) = self.node.take() else { panic!("`AsyncValue` polled after it was ready") };
        node.take()
    }

    /// The outcome, after a wait with `agenda`.
    pub(crate) fn into_outcome_of(mut self, agenda: Option<&Arc<Agenda>>) -> Result<T, TaskError> {
        self.block(None, agenda)?;
        self.take()
    }

    /// The outcome of a call that has ended.
    pub(crate) fn into_outcome(mut self) -> Result<T, TaskError> {
        self.take()
    }
}

impl<T> Drop for AsyncValue<T> {
    fn drop(&mut self) {
        if let Some(node) = &self.node {
            node.abandon_result();
        }
    }
}

impl<T> Future for AsyncValue<T> {
    type Output = T;

    /// Ready with the result of the call; panics as [`get`](Self::get) does.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let node = self.node();
        let site = node.site();
        if !node.is_done() && !watch(&**node, context.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.take().unwrap_or_else(|error| raise(&error, site)))
    }
}

// A panic in a call is caught there, so a handle never shows a broken invariant of it.
impl<T> UnwindSafe for AsyncValue<T> {}
impl<T> RefUnwindSafe for AsyncValue<T> {}

impl<T> fmt::Debug for AsyncValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = &self.node else { return f.write_str("AsyncValue(taken)") };
        f.debug_struct("AsyncValue").field("call", &node.site()).field("is_finished", &node.is_done()).finish()
    }
}

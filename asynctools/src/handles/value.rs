//! `AsyncValue`: the handle to the result of one call.

use std::fmt;
use std::future::Future;
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
use crate::graph::lose::lose;
use crate::graph::lose::lose_all;
use crate::graph::node::Node;
use crate::graph::slot::Slot;
use crate::graph::traits::Job;
use crate::graph::wait::block_on;
use crate::graph::wait::deadline;
use crate::graph::wait::over;
use crate::graph::wait::raise;
use crate::graph::wait::watch;
use crate::graph::work::NoWork;
use crate::sync::Instant;

/// The handle to the result of a call that runs, or will run.
///
/// Block on the handle ([`get`](Self::get)), `.await` it, pass it as an argument to an annotated function, or collect
/// many of them into an [`AsyncList`](crate::AsyncList). Dropping the handle lets the call go on, and the call then
/// drops its result; [`detach`](Self::detach) says so in the program. If the call has ended, the result is dropped with
/// the handle, on this thread.
///
/// Everything before the call happens before its body, and everything in the body happens before `get` returns.
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
#[doc(alias("JoinHandle", "Task", "Future"))]
#[must_use = "the call runs, but its result is lost; `.get()` it, or `.detach()` to say that nobody needs it"]
pub struct AsyncValue<T> {
    /// `None` after the result was taken: a type with a `Drop` cannot be taken apart.
    node: Option<Arc<dyn Slot<T>>>,
}

static READY: Function = Function::method("ready");

impl<T> AsyncValue<T> {
    /// Makes a handle whose value is already there.
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
        let site = CallSite::here(&READY);
        Self::of(Node::<NoWork<T>>::ready(value, site))
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
    /// A call of `#[celery]` ends if a worker serves the queue and the broker keeps its data. Otherwise the option
    /// `result_timeout` ends the call; by default there is no such limit.
    ///
    /// # Panics
    ///
    /// If the call panicked: with its payload, or where another reader took the payload, with its text. If the call was
    /// lost in another way: with a message that names the call. [`outcome`](Self::outcome) returns the loss instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// assert_eq!(parallel(|| 2 + 3).get(), 5);
    /// ```
    #[doc(alias("join", "recv", "block_on"))]
    #[expect(clippy::must_use_candidate, reason = "a caller may want no more than the end of the call")]
    #[track_caller]
    pub fn get(mut self) -> T {
        self.wait();
        let site = self.node().site();
        match self.take() {
            Ok(value) => value,
            Err(error) => raise(&error, site),
        }
    }

    /// Blocks until the call ends, and returns its result or its loss.
    ///
    /// # Errors
    ///
    /// If the call panicked, was cancelled, or was lost in another way. If the wait can never end:
    /// [`TaskError::WouldDeadlock`].
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

    /// Returns the result if the call has ended, and else the handle. Never blocks.
    ///
    /// # Errors
    ///
    /// If the call has not ended: the handle.
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
    /// let value = value.try_get().unwrap_err();
    /// promise.set(5);
    /// assert_eq!(value.try_get().unwrap(), 5);
    /// ```
    #[track_caller]
    pub fn try_get(self) -> Result<T, Self> {
        if self.is_finished() { Ok(self.get()) } else { Err(self) }
    }

    /// Blocks as [`get`](Self::get) does, for at most `timeout`. `Duration::MAX` sets no limit.
    ///
    /// # Errors
    ///
    /// If the call has not ended in time: the handle.
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
    /// let value = value.get_timeout(Duration::from_millis(1)).unwrap_err();
    /// promise.set(5);
    /// assert_eq!(value.get_timeout(Duration::MAX).unwrap(), 5);
    /// ```
    #[track_caller]
    pub fn get_timeout(self, timeout: Duration) -> Result<T, Self> {
        if self.wait_timeout(timeout) { Ok(self.get()) } else { Err(self) }
    }

    /// Blocks as [`outcome`](Self::outcome) does, for at most `timeout`.
    ///
    /// # Errors
    ///
    /// If the call has not ended in time: the handle. The inner error is the loss of the call.
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
        match deadline(timeout) {
            Some(deadline) if !self.block(Some(deadline), None).unwrap_or(false) => Err(self),
            _ => Ok(self.outcome()),
        }
    }

    /// Blocks until the call ends, and leaves its result in the handle.
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

    /// Blocks as [`wait`](Self::wait) does, for at most `timeout`, and returns whether the call has ended.
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

    /// Returns whether the call has ended, with a value or without.
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

    /// Returns whether the call has ended without a value: panicked, cancelled, or lost in another way.
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

    /// Cancels the call if it has not started, and returns whether it did. After `true` the call never runs, and its
    /// arguments are dropped; `false` says that the call has started or ended, or that the handle belongs to a promise.
    ///
    /// The handle of a cancelled call ends as [`TaskError::Cancelled`]. Calls that the cancelled call needs go on; calls
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
    #[expect(clippy::must_use_candidate, reason = "a caller that cancels a call may not care whether it had started")]
    pub fn cancel(&self) -> bool {
        let job: Arc<dyn Job> = self.node().clone();
        lose(&job, TaskError::Cancelled)
    }

    /// Drops the handle: the call goes on, and drops its result when there is one.
    ///
    /// When `main` returns, the process ends with all calls that still run; [`wait_idle`](crate::wait_idle), as the last line
    /// of `main`, waits for them.
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
            over();
            return Ok(true);
        }
        let node = self.node();
        block_on(&**node, &|| node.clone(), deadline, agenda)
    }

    fn take(&mut self) -> Result<T, TaskError> {
        let Some(node) = self.node.take() else { panic!("`AsyncValue` polled after it was ready") };
        node.take()
    }

    /// Waits with `agenda` for the outcome, and takes it.
    pub(crate) fn into_outcome_of(mut self, agenda: Option<&Arc<Agenda>>) -> Result<T, TaskError> {
        self.block(None, agenda)?;
        self.take()
    }

    /// Takes the value of a call that has ended with one; gives the handle of any other call back.
    pub(crate) fn into_value(self) -> Result<T, Self> {
        if !self.is_finished() || self.is_error() {
            return Err(self);
        }
        match self.into_outcome() {
            Ok(value) => Ok(value),
            Err(_) => unreachable!("the call ended with a value"),
        }
    }

    /// Takes the outcome of a call that has ended.
    pub(crate) fn into_outcome(mut self) -> Result<T, TaskError> {
        self.take()
    }
}

/// Cancels those of `calls` that have not started, and returns how many those were. The last call goes first, because the
/// calls at the front are the next to start.
pub(crate) fn cancel_all<'a, T: 'a>(calls: impl DoubleEndedIterator<Item = &'a AsyncValue<T>>) -> usize {
    let jobs = calls.rev().map(|call| -> Arc<dyn Job> { call.node().clone() });
    lose_all(jobs.collect(), |_| TaskError::Cancelled)
}

/// Cancels each call that has not started, the last one first, and asks the others to stop.
pub(crate) fn stop_all<'a, T: 'a>(calls: impl DoubleEndedIterator<Item = &'a AsyncValue<T>>) {
    let jobs: Vec<_> = calls.rev().map(|call| -> Arc<dyn Job> { call.node().clone() }).collect();
    lose_all(jobs.clone(), |_| TaskError::Cancelled);
    for job in jobs {
        job.request_stop();
    }
}

impl<T: Send + 'static> From<T> for AsyncValue<T> {
    /// Makes a handle whose value is already there, as [`ready`](Self::ready) does.
    #[track_caller]
    fn from(value: T) -> Self {
        Self::ready(value)
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

    /// Returns the result of the call when it has ended, and panics as [`get`](Self::get) does.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let node = self.node();
        let site = node.site();
        if !node.is_done() && !watch(&**node, context.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.take().unwrap_or_else(|error| raise(&error, site)))
    }
}

// A call catches its own panic, so a handle never shows a broken invariant.
impl<T> UnwindSafe for AsyncValue<T> {}
impl<T> RefUnwindSafe for AsyncValue<T> {}

impl<T> fmt::Debug for AsyncValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = &self.node else { return f.write_str("AsyncValue(taken)") };
        f.debug_struct("AsyncValue").field("call", &node.site()).field("is_finished", &node.is_done()).finish()
    }
}

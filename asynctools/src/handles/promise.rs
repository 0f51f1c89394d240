//! `Promise`: sets the value of a handle that no call computes.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::node::Node;
use crate::graph::waiters::Elsewhere;
use crate::graph::waiters::address;
use crate::graph::work::NoWork;
use crate::graph::work::Promised;
use crate::handles::value::AsyncValue;
use crate::panics::kept_in;
use crate::panics::lock;
use crate::sync::Mutex;

/// Sets the value of a handle that no call computes, made by [`AsyncValue::promise`].
///
/// Dropping a promise that was not set ends the handle as [`TaskError::Abandoned`].
///
/// # Examples
///
/// ```
/// use asynctools::AsyncValue;
///
/// let (promise, value) = AsyncValue::promise();
/// std::thread::spawn(move || promise.set("from elsewhere"));
/// assert_eq!(value.get(), "from elsewhere");
/// ```
#[must_use = "a promise that is dropped unset ends its value as `TaskError::Abandoned`"]
pub struct Promise<T: Send + 'static> {
    /// `None` after the value was set.
    node: Option<Arc<dyn Promised<T>>>,
}

/// The hook of a promise, which is called at most once.
struct Hook<H>(Mutex<Option<H>>);

impl<H: FnOnce() -> bool + Send> Elsewhere for Hook<H> {
    fn cancel(&self) -> bool {
        let hook = lock(&self.0).take();
        hook.is_some_and(|hook| kept_in(hook).unwrap_or(false))
    }

    #[cfg(feature = "celery")]
    fn id(&self) -> Option<String> {
        None
    }

    fn is_kept(&self) -> bool {
        false
    }
}

static PROMISE: Function = Function::method("promise");

impl<T> AsyncValue<T> {
    /// Makes a handle and the promise that sets its value, as asynckit's `AsyncValue.set` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// promise.set(5);
    /// assert_eq!(value.get(), 5);
    /// ```
    #[track_caller]
    pub fn promise() -> (Promise<T>, Self)
    where
        T: Send + 'static,
    {
        Self::promise_at(CallSite::here(&PROMISE))
    }

    /// Makes a promise whose losses name the call at `site`.
    pub(crate) fn promise_at(site: CallSite) -> (Promise<T>, Self)
    where
        T: Send + 'static,
    {
        let node: Arc<Node<NoWork<T>>> = Node::promised(site);
        (Promise { node: Some(node.clone()) }, Self::of(node))
    }
}

impl<T: Send + 'static> Promise<T> {
    /// Makes the promise of a call that was handed over.
    #[cfg(any(feature = "celery", asynctools_model))]
    pub(crate) fn of(node: Arc<dyn Promised<T>>) -> Self {
        Self { node: Some(node) }
    }

    /// Sets the value. Setting twice does not compile.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::promise();
    /// promise.set(5);
    /// assert_eq!(value.get(), 5);
    /// ```
    pub fn set(self, value: T) {
        self.end(Ok(value));
    }

    /// Ends the handle without a value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// promise.end_with(TaskError::Rejected);
    /// assert!(matches!(value.outcome(), Err(TaskError::Rejected)));
    /// ```
    pub fn end_with(self, error: TaskError) {
        self.end(Err(error));
    }

    /// Sets a hook that `cancel` on the handle calls, on the thread of the caller, if the handle has not ended. The hook returns
    /// `true` if the work never began and never will; the owner of the promise still has to end it. A hook that panics counts as
    /// one that returns `false`: the panic is shown and goes no further, so that the other calls of a list hear of their
    /// cancellation.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    /// use std::sync::mpsc::channel;
    ///
    /// let (tell, told) = channel();
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// promise.on_cancel(move || tell.send("not wanted").is_ok());
    /// assert!(value.cancel());
    /// assert_eq!(told.recv(), Ok("not wanted"));
    /// promise.end_with(TaskError::Cancelled);
    /// ```
    pub fn on_cancel(&self, hook: impl FnOnce() -> bool + Send + 'static) {
        if let Some(node) = &self.node {
            node.run_by(Arc::new(Hook(Mutex::new(Some(hook)))));
        }
    }

    /// Names the engine of the call.
    #[cfg(feature = "celery")]
    pub(crate) fn run_by(&self, engine: Arc<dyn Elsewhere>) {
        if let Some(node) = &self.node {
            node.run_by(engine);
        }
    }

    /// Returns whether the value is wanted: `false` after the handle was dropped or detached. A call that takes the handle as
    /// an argument, or follows it, wants the value.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::AsyncValue;
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// assert!(promise.is_wanted());
    /// drop(value);
    /// assert!(!promise.is_wanted());
    /// ```
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.is_wanted())
    }

    /// Returns the address by which the table of requests to stop knows the call.
    pub(crate) fn address(&self) -> Option<usize> {
        self.node.as_ref().map(address)
    }

    pub(crate) fn end(mut self, outcome: Result<T, TaskError>) {
        if let Some(node) = self.node.take() {
            node.end(outcome);
        }
    }
}

impl<T: Send + 'static> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            node.end(Err(TaskError::Abandoned));
        }
    }
}

impl<T: Send + 'static> UnwindSafe for Promise<T> {}
impl<T: Send + 'static> RefUnwindSafe for Promise<T> {}

impl<T: Send + 'static> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

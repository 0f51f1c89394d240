//! `Promise`: sets the value of a handle that no call computes.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::node::NoWork;
use crate::graph::node::Node;
use crate::handles::value::AsyncValue;

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
    node: Option<Arc<Node<NoWork<T>>>>,
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
        let node = Node::promised(site);
        (Promise { node: Some(node.clone()) }, Self::of(node))
    }
}

impl<T: Send + 'static> Promise<T> {
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

    pub(crate) fn end(mut self, outcome: Result<T, TaskError>) {
        if let Some(node) = self.node.take() {
            node.complete(outcome);
        }
    }
}

impl<T: Send + 'static> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            node.complete(Err(TaskError::Abandoned));
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

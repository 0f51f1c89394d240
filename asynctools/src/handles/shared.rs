//! `Shared`: one result for many readers.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Needs;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::graph::wait::block;
use crate::graph::wait::deadline;
use crate::graph::wait::raise;
use crate::graph::waiters::address;
use crate::handles::value::AsyncValue;
use crate::panics::lock;
use crate::sync::Mutex;
use crate::sync::OnceLock;

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
#[must_use = "the call runs, but its result is lost"]
pub struct Shared<T> {
    hub: Arc<Hub<T>>,
}

/// Keeps the result for the handles. Until the call has ended, the call keeps the hub alive too.
struct Hub<T> {
    call: Arc<dyn Awaited>,
    /// The one handle of the call, until the call has ended.
    value: Mutex<Option<AsyncValue<T>>>,
    outcome: OnceLock<Result<T, TaskError>>,
    waiters: Mutex<Vec<Waiter>>,
}

impl<T: Send + Sync + 'static> Shared<T> {
    pub(crate) fn new(value: AsyncValue<T>) -> Self {
        let call: Arc<dyn Awaited> = value.node().clone();
        let hub = Arc::new(Hub {
            call: call.clone(),
            value: Mutex::new(Some(value)),
            outcome: OnceLock::new(),
            waiters: Mutex::default(),
        });
        if let Some(ended) = call.enlist(Waiter::Dependant(hub.clone(), 0)) {
            notify::tell_all([ended]);
        }
        Self { hub }
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
            Err(error) => raise(&error, self.hub.site()),
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
        block(&self.call(), None, None)?;
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
        if let Err(error) = block(&self.call(), None, None) {
            raise(&error, self.hub.site());
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
        block(&self.call(), Some(deadline), None).unwrap_or(false)
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
        self.hub.is_done()
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
        matches!(self.hub.outcome.get(), Some(Err(_)))
    }

    pub(crate) fn call(&self) -> Arc<dyn Awaited> {
        self.hub.clone()
    }

    /// Returns the outcome of a call that has ended.
    pub(crate) fn ended(&self) -> &Result<T, TaskError> {
        let Some(outcome) = self.hub.outcome.get() else { unreachable!("asked only after the end of the call") };
        outcome
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { hub: self.hub.clone() }
    }
}

impl<T> UnwindSafe for Shared<T> {}
impl<T> RefUnwindSafe for Shared<T> {}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (call, done) = (self.hub.call.site(), self.hub.outcome.get().is_some());
        f.debug_struct("Shared").field("call", &call).field("is_finished", &done).finish()
    }
}

impl<T: Send + Sync> Dependant for Hub<T> {
    fn arrived(self: Arc<Self>, _index: u32) -> Option<Arc<dyn Job>> {
        let value = lock(&self.value).take()?;
        drop(self.outcome.set(value.into_outcome()));
        let waiters = std::mem::take(&mut *lock(&self.waiters));
        notify::tell_all(waiters);
        None
    }
}

impl<T: Send + Sync> Awaited for Hub<T> {
    fn is_done(&self) -> bool {
        self.outcome.get().is_some()
    }

    fn site(&self) -> CallSite {
        self.call.site()
    }

    fn survey(self: Arc<Self>, _: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, needs: &mut Needs) -> Survey {
        needs.push(self.call.clone());
        Survey::Waiting
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        let mut waiters = lock(&self.waiters);
        if self.is_done() {
            return Some(waiter);
        }
        waiters.push(waiter);
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone: Vec<_> = lock(&self.waiters).extract_if(.., |waiter| which(waiter)).collect();
        drop(gone);
    }

    fn forget(&self, dependant: usize) {
        self.delist(&|waiter| matches!(waiter, Waiter::Dependant(other, _) if address(other) == dependant));
    }
}

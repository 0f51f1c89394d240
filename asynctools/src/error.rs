//! How a call can end without a value, and who was on the way.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::sync::PoisonError;

use crate::call_site::CallSite;
use crate::panics::discard;
use crate::sync::Mutex;

/// Why a call ended without a value.
///
/// Prints its path, nearest call first: `report (src/main.rs:40) <- fetch (src/main.rs:12): panicked: index out of bounds`.
/// [`source`](Error::source) is the root of an [`Upstream`](Self::Upstream). A clone shares the payload of a panic.
///
/// # Examples
///
/// ```
/// use asynctools::{Pool, TaskError};
///
/// let pool = Pool::new(1);
/// let error = pool.spawn(|| -> u8 { panic!("no luck") }).outcome().unwrap_err();
/// assert!(matches!(error, TaskError::Panicked(_)));
/// assert!(error.to_string().ends_with("panicked: no luck"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskError {
    /// The call panicked.
    Panicked(Panic),
    /// The call was cancelled before it started.
    Cancelled,
    /// The pool of the call was closed before it started.
    Closed,
    /// The queue of the pool was full, and `on_full` said to reject.
    Rejected,
    /// The [`Promise`](crate::Promise) was dropped before it was set.
    Abandoned,
    /// The system refused the thread that the call needed.
    Spawn(SpawnError),
    /// A wait was given up: a call that it needs has no thread, and the system refused one. The awaited call goes on.
    WouldDeadlock(SpawnError),
    /// A call that this one needed ended without a value, so this one never ran.
    Upstream(Box<Upstream>),
    /// The call failed on another machine, or did not reach it.
    #[cfg(feature = "celery")]
    Remote(Box<asynctools_celery::RemoteError>),
}

impl TaskError {
    /// What happened in the first place: of an [`Upstream`](Self::Upstream) the end of the first call that was lost, else the
    /// error itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    ///
    /// let (promise, value) = AsyncValue::<u8>::promise();
    /// let next = value.map(|n| n + 1);
    /// drop(promise);
    /// let error = next.outcome().unwrap_err();
    /// assert!(matches!(error, TaskError::Upstream(_)));
    /// assert!(matches!(error.root(), TaskError::Abandoned));
    /// ```
    #[must_use]
    pub fn root(&self) -> &TaskError {
        match self {
            Self::Upstream(upstream) => &upstream.root,
            own => own,
        }
    }

    /// The calls on the way, nearest first; of a long way the 8 nearest and the 8 farthest.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// let error = pool.spawn(|| -> u8 { panic!("no luck") }).map(|n| n + 1).outcome().unwrap_err();
    /// let names: Vec<_> = error.path().map(|site| site.function()).collect();
    /// assert_eq!(names, ["map", "spawn"]);
    /// ```
    pub fn path(&self) -> impl Iterator<Item = CallSite> {
        let (own, way) = match self {
            Self::Panicked(panic) => (Some(panic.0.site), None),
            Self::Spawn(refused) | Self::WouldDeadlock(refused) => (Some(refused.0.site), None),
            Self::Upstream(upstream) => (None, Some(upstream.near.iter().rev().chain(upstream.far.iter().rev()))),
            Self::Cancelled | Self::Closed | Self::Rejected | Self::Abandoned => (None, None),
            #[cfg(feature = "celery")]
            Self::Remote(_) => (None, None),
        };
        own.into_iter().chain(way.into_iter().flatten().copied())
    }

    /// This error as the end of a call that needed the lost call at `site`.
    pub(crate) fn through(self, site: CallSite, dependant: CallSite, others: usize) -> Self {
        let mut upstream = match self {
            Self::Upstream(upstream) => upstream,
            root => {
                Box::new(Upstream { near: Vec::with_capacity(KEPT + 1), far: vec![site], left_out: 0, others: 0, root })
            }
        };
        upstream.push(dependant);
        upstream.others += others;
        Self::Upstream(upstream)
    }

    /// The error with the call at `site` in front, as a panic of `get` says it.
    pub(crate) fn with_site(&self, site: CallSite) -> String {
        if self.path().next().is_some() { self.to_string() } else { format!("{site}: {self}") }
    }

    /// What happened, without the path.
    fn fmt_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => write!(f, "panicked: {}", panic.message()),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Closed => f.write_str("the pool is closed"),
            Self::Rejected => f.write_str("rejected: the queue of the pool is full"),
            Self::Abandoned => f.write_str("abandoned: the promise was dropped unset"),
            Self::Spawn(refused) => write!(f, "no thread: {}", refused.0.error),
            Self::WouldDeadlock(refused) => write!(f, "waiting would deadlock: no thread for it: {}", refused.0.error),
            Self::Upstream(upstream) => upstream.root.fmt_cause(f),
            #[cfg(feature = "celery")]
            Self::Remote(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = if let Self::Upstream(upstream) = self { upstream.left_out } else { 0 };
        let mut before = "";
        for (index, site) in self.path().enumerate() {
            if index == KEPT && left_out > 0 {
                write!(f, "{before}({left_out} more)")?;
            }
            write!(f, "{before}{site}")?;
            before = " <- ";
        }
        if !before.is_empty() {
            f.write_str(": ")?;
        }
        self.fmt_cause(f)?;
        match self {
            Self::Upstream(upstream) if upstream.others == 1 => f.write_str(" (+1 other)"),
            Self::Upstream(upstream) if upstream.others > 1 => write!(f, " (+{} others)", upstream.others),
            _ => Ok(()),
        }
    }
}

impl Error for TaskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Upstream(upstream) => Some(&upstream.root),
            Self::Spawn(refused) | Self::WouldDeadlock(refused) => Some(&refused.0.error),
            #[cfg(feature = "celery")]
            Self::Remote(error) => Some(&**error),
            _ => None,
        }
    }
}

/// How many sites of either end of a path are kept: a path of a million calls is copied along every edge.
const KEPT: usize = 8;

/// The way from a lost call to one that needed it: the content of [`TaskError::Upstream`].
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The calls nearest to the reader, the nearest last, so that a new one is pushed.
    near: Vec<CallSite>,
    /// The lost call and those that follow it.
    far: Vec<CallSite>,
    left_out: usize,
    others: usize,
    root: TaskError,
}

impl Upstream {
    fn push(&mut self, site: CallSite) {
        if self.near.is_empty() && self.far.len() < KEPT {
            self.far.push(site);
            return;
        }
        self.near.push(site);
        if self.near.len() > KEPT {
            self.near.remove(0);
            self.left_out += 1;
        }
    }

    /// The calls that the path leaves out between its 8 nearest and its 8 farthest.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, TaskError};
    ///
    /// let (promise, mut value) = AsyncValue::<u8>::promise();
    /// for _ in 0..20 {
    ///     value = value.map(|n| n);
    /// }
    /// drop(promise);
    /// let Err(TaskError::Upstream(upstream)) = value.outcome() else { unreachable!() };
    /// assert_eq!(upstream.left_out(), 21 - 16);
    /// ```
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// How many more arguments were lost on the way than those that the path follows.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue, TaskError};
    ///
    /// let (promises, values): (Vec<_>, AsyncList<u8>) = (0..3).map(|_| AsyncValue::promise()).unzip();
    /// let all = values.map(|numbers| numbers.len());
    /// drop(promises);
    /// let Err(TaskError::Upstream(upstream)) = all.outcome() else { unreachable!() };
    /// assert_eq!(upstream.others(), 2);
    /// ```
    #[must_use]
    pub fn others(&self) -> usize {
        self.others
    }
}

/// A panic of a call: the content of [`TaskError::Panicked`].
///
/// # Examples
///
/// ```
/// use asynctools::{Pool, TaskError};
///
/// let pool = Pool::new(1);
/// let Err(TaskError::Panicked(panic)) = pool.spawn(|| -> u8 { std::panic::panic_any(7_u32) }).outcome() else {
///     unreachable!()
/// };
/// assert_eq!(panic.take_payload().unwrap().downcast_ref(), Some(&7_u32));
/// assert!(panic.take_payload().is_none());
/// ```
#[derive(Clone)]
pub struct Panic(Arc<PanicParts>);

struct PanicParts {
    site: CallSite,
    message: Box<str>,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Panic {
    pub(crate) fn new(site: CallSite, payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref().map(String::as_str));
        let message = text.unwrap_or("Box<dyn Any>").into();
        Self(Arc::new(PanicParts { site, message, payload: Mutex::new(Some(payload)) }))
    }

    /// The text of the panic; `Box<dyn Any>` for a payload that is no text, as std prints it.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{TaskError, parallel};
    ///
    /// let Err(TaskError::Panicked(panic)) = parallel(|| -> u8 { panic!("no luck") }).outcome() else { unreachable!() };
    /// assert_eq!(panic.message(), "no luck");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The payload, for [`resume_unwind`](std::panic::resume_unwind); `None` for all but the first reader of this panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{TaskError, parallel};
    ///
    /// let Err(TaskError::Panicked(panic)) = parallel(|| -> u8 { panic!("no luck") }).outcome() else { unreachable!() };
    /// assert!(panic.take_payload().unwrap().is::<&str>());
    /// assert!(panic.take_payload().is_none());
    /// ```
    #[must_use]
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.0.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic").field("site", &self.0.site).field("message", &self.0.message).finish()
    }
}

impl Drop for PanicParts {
    fn drop(&mut self) {
        let payload = self.payload.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        discard(payload);
    }
}

/// A thread that the system refused: the content of [`TaskError::Spawn`] and [`TaskError::WouldDeadlock`].
#[derive(Clone, Debug)]
pub struct SpawnError(Arc<Refusal>);

#[derive(Debug)]
struct Refusal {
    site: CallSite,
    error: io::Error,
}

impl SpawnError {
    pub(crate) fn new(site: CallSite, error: io::Error) -> Self {
        Self(Arc::new(Refusal { site, error }))
    }

    /// What the system said.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, TaskError};
    ///
    /// // More than any system has.
    /// let pool = Pool::builder().workers(1).stack_size(1 << 46).build().unwrap();
    /// let Err(TaskError::Spawn(refused)) = pool.spawn(|| 5).outcome() else { unreachable!() };
    /// assert_ne!(refused.io_error().to_string(), "");
    /// ```
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        &self.0.error
    }
}

// What is in them is shared and never seen half done.
impl UnwindSafe for Panic {}
impl RefUnwindSafe for Panic {}
impl UnwindSafe for SpawnError {}
impl RefUnwindSafe for SpawnError {}

/// One call's failure in [`AsyncList::join`](crate::AsyncList::join): the function's own error, or the loss of the call.
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

/// What [`PoolBuilder::build`](crate::PoolBuilder::build) refuses; says which field, and why.
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
///
/// let error = Pool::builder().workers(2).queue(0).build().unwrap_err();
/// assert_eq!(error.field(), "queue");
/// assert!(error.to_string().starts_with("`queue`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    field: &'static str,
    why: &'static str,
}

impl BuildError {
    pub(crate) fn new(field: &'static str, why: &'static str) -> Self {
        Self { field, why }
    }

    /// The builder's method whose value was refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// assert_eq!(Pool::builder().name("a\0b").build().unwrap_err().field(), "name");
    /// ```
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.why)
    }
}

impl Error for BuildError {}

//! `TaskError` and its kin: how a call can end without a value, and the path of the loss.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::panic::Panic;

/// The end of a call without a value.
///
/// Prints its path, the nearest call first, and then the cause:
/// `report (src/main.rs:40) <- fetch (src/main.rs:12): panicked: index out of bounds`. [`source`](Error::source) is the
/// root of an [`Upstream`](Self::Upstream). A clone shares the payload of a panic.
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
    /// The queue of the pool was full, and `on_full` said to reject. With the feature `hooks` also: the code around the call
    /// did not run the call.
    Rejected,
    /// The [`Promise`](crate::Promise) was dropped before it was set.
    Abandoned,
    /// The system refused the thread that the call needed.
    Spawn(SpawnError),
    /// The wait was given up, because a call that it needs has no thread, and the system refused one. The awaited call
    /// goes on.
    WouldDeadlock(SpawnError),
    /// A call that this one needed ended without a value, so this one never ran.
    Upstream(Box<Upstream>),
    /// The call failed on another machine, or did not reach it.
    #[cfg(feature = "celery")]
    Remote(Box<asynctools_celery::RemoteError>),
}

impl TaskError {
    /// Returns the loss at the far end of the path: the root of an [`Upstream`](Self::Upstream), and any other error
    /// itself.
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

    /// Returns the calls of the path, the nearest first. A long path keeps its 8 nearest and its 8 farthest calls.
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
        let (own, path) = match self {
            Self::Panicked(panic) => (Some(panic.site()), None),
            Self::Spawn(refused) | Self::WouldDeadlock(refused) => (Some(refused.0.site), None),
            Self::Upstream(upstream) => (None, Some(upstream.path())),
            Self::Cancelled | Self::Closed | Self::Rejected | Self::Abandoned => (None, None),
            #[cfg(feature = "celery")]
            Self::Remote(_) => (None, None),
        };
        own.into_iter().chain(path.into_iter().flatten())
    }

    /// Returns whether the root is a panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// let error = pool.spawn(|| -> u8 { panic!("no luck") }).map(|n| n + 1).outcome().unwrap_err();
    /// assert!(error.is_panic());
    /// ```
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(self.root(), Self::Panicked(_))
    }

    /// Returns whether the root is a cancelled call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let call = pool.spawn(|| 5);
    /// call.cancel();
    /// assert!(call.outcome().unwrap_err().is_cancelled());
    /// ```
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.root(), Self::Cancelled)
    }

    /// Takes the payload of the panic at the root, for [`resume_unwind`](std::panic::resume_unwind). If another reader took
    /// the payload, returns the text of the panic, as a `String`.
    ///
    /// # Panics
    ///
    /// If the root is no panic; [`is_panic`](Self::is_panic) tells.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(1);
    /// let error = pool.spawn(|| -> u8 { panic!("no luck") }).map(|n| n + 1).outcome().unwrap_err();
    /// assert_eq!(error.into_panic().downcast_ref(), Some(&"no luck"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        let Self::Panicked(panic) = self.root() else { panic!("`into_panic` of a loss that is no panic: {self}") };
        panic.take_payload().unwrap_or_else(|| Box::new(panic.message().to_owned()))
    }

    /// Returns the loss of `dependant`, which needed the call at `site` that ended with this error.
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

    /// Prints the error as a panic of `get` does: with the call at `site` in front, unless the path names a call.
    pub(crate) fn with_site(&self, site: CallSite) -> String {
        if self.path().next().is_some() { self.to_string() } else { format!("{site}: {self}") }
    }

    /// Prints the cause without the path.
    fn fmt_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => write!(f, "panicked: {}", panic.message()),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Closed => f.write_str("the pool is closed"),
            Self::Rejected => f.write_str(REJECTED),
            Self::Abandoned => f.write_str("abandoned: the promise was dropped unset"),
            Self::Spawn(refused) => write!(f, "no thread: {}", refused.0.error),
            Self::WouldDeadlock(refused) => write!(f, "waiting would deadlock: no thread for it: {}", refused.0.error),
            Self::Upstream(upstream) => upstream.root.fmt_cause(f),
            #[cfg(feature = "celery")]
            Self::Remote(error) => write!(f, "{error}"),
        }
    }
}

impl From<TaskError> for io::Error {
    /// Returns an error of the kind [`Other`](io::ErrorKind::Other) with the loss inside.
    fn from(error: TaskError) -> Self {
        Self::other(error)
    }
}

/// The cause of a rejected call. Without the feature no code around a call exists.
const REJECTED: &str = if cfg!(feature = "hooks") {
    "rejected: the queue of the pool is full, or `around` did not run the call"
} else {
    "rejected: the queue of the pool is full"
};

/// Prints the sites of a path, the nearest first, and how many calls the path leaves out after the first sites.
fn fmt_path(f: &mut fmt::Formatter<'_>, path: impl Iterator<Item = CallSite>, left_out: usize) -> fmt::Result {
    let mut before = "";
    for (index, site) in path.enumerate() {
        if index == KEPT && left_out > 0 {
            write!(f, "{before}({left_out} more)")?;
        }
        write!(f, "{before}{site}")?;
        before = " <- ";
    }
    if before.is_empty() { Ok(()) } else { f.write_str(": ") }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Upstream(upstream) = self {
            return upstream.fmt(f);
        }
        fmt_path(f, self.path(), 0)?;
        self.fmt_cause(f)
    }
}

/// Prints as [`TaskError::Upstream`] does.
impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_path(f, self.path(), self.left_out)?;
        self.root.fmt_cause(f)?;
        match self.others {
            0 => Ok(()),
            1 => f.write_str(" (+1 other)"),
            others => write!(f, " (+{others} others)"),
        }
    }
}

impl Error for Upstream {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.root)
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

/// How many sites a path keeps at either end. Every edge copies the path, and a path can have a million calls.
const KEPT: usize = 8;

/// The path from a lost call to a call that needed its value.
///
/// The content of [`TaskError::Upstream`].
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The calls nearest to the reader, the nearest last: so the next call is a push.
    near: Vec<CallSite>,
    /// The lost call and the first calls that followed.
    far: Vec<CallSite>,
    left_out: usize,
    others: usize,
    root: TaskError,
}

impl Upstream {
    fn path(&self) -> impl Iterator<Item = CallSite> {
        self.near.iter().rev().chain(self.far.iter().rev()).copied()
    }

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

    /// Returns how many calls the path leaves out between its 8 nearest and its 8 farthest.
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

    /// Returns how many arguments were lost along the path, other than the one that the path follows.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncList, AsyncValue, TaskError};
    ///
    /// let pairs = (0..3).map(|_| AsyncValue::promise());
    /// let (promises, values): (Vec<_>, AsyncList<u8>) = pairs.unzip();
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

/// A thread that the system refused.
///
/// The content of [`TaskError::Spawn`] and [`TaskError::WouldDeadlock`].
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

    /// Returns the error of the system.
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

/// Prints the error of the system.
impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.error.fmt(f)
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.error.source()
    }
}

// The content is shared, and no reader sees it half done.
impl UnwindSafe for SpawnError {}
impl RefUnwindSafe for SpawnError {}

/// Runs `body`, the user's code of the call at `site`. A panic is the loss of the call.
#[inline]
pub(crate) fn caught<R>(site: CallSite, body: impl FnOnce() -> R) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| panicked(site, payload))
}

/// Returns the loss of the call at `site`, which panicked.
pub(crate) fn panicked(site: CallSite, payload: Box<dyn Any + Send>) -> TaskError {
    TaskError::Panicked(Panic::new(site, payload))
}

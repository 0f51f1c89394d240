//! How a call on other machines can end without a value, and why a worker does not start.

use std::error::Error;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// The failure of a call that ran, or should have run, on another machine.
///
/// # Examples
///
/// ```
/// use asynctools_celery::{RemoteError, RemoteErrorKind};
///
/// let error = RemoteError::new(RemoteErrorKind::Timeout, "no result within 2s");
/// assert_eq!(error.to_string(), "no result within 2s");
/// assert_eq!(error.kind, RemoteErrorKind::Timeout);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RemoteError {
    /// The kind of failure.
    pub kind: RemoteErrorKind,
    /// The name of the exception's or error's type, as the worker wrote it.
    pub exc_type: String,
    /// The message.
    pub message: String,
    /// The traceback, where the worker wrote one.
    pub traceback: Option<Box<str>>,
    /// The id of the task; empty where none was sent.
    pub task_id: String,
    /// The worker that ran the call, where its result names one.
    pub worker: Option<Box<str>>,
}

/// The kind of a [`RemoteError`].
///
/// # Examples
///
/// ```
/// use asynctools_celery::{RemoteError, RemoteErrorKind};
///
/// /// Whether the same call may go better at another time.
/// fn may_pass(error: &RemoteError) -> bool {
///     matches!(error.kind, RemoteErrorKind::Broker | RemoteErrorKind::Timeout)
/// }
///
/// assert!(may_pass(&RemoteError::new(RemoteErrorKind::Timeout, "no result within 2s")));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// An exception of Python, or an error of Rust of another type than the caller's.
    Python,
    /// A panic in a Rust worker.
    Panicked,
    /// The worker has no task of this name.
    NotRegistered,
    /// The arguments do not fit the parameters; the message names the parameter.
    BadArguments,
    /// The result cannot be read as the type that the caller expects.
    BadResult,
    /// The call was older than its `expires` before a worker took it.
    Expired,
    /// The call was revoked before it ran.
    Revoked,
    /// The message was taken too often by workers that never finished it.
    WorkerLost,
    /// The call ran longer than its soft time limit.
    SoftTimeLimit,
    /// No result came within the call's `result_timeout`.
    Timeout,
    /// The broker refused the message, or cannot be reached.
    Broker,
    /// The worker does not read messages of this content type.
    Content,
    /// The caller cancelled the call before it was sent.
    Cancelled,
}

impl RemoteError {
    /// Returns an error without a traceback, for a call that has no result.
    #[must_use]
    pub fn new(kind: RemoteErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            exc_type: format!("{kind:?}"),
            message: message.into(),
            traceback: None,
            task_id: String::new(),
            worker: None,
        }
    }

    /// Returns the error with the id of its call.
    #[must_use]
    pub fn with_task_id(self, task_id: impl Into<String>) -> Self {
        Self { task_id: task_id.into(), ..self }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RemoteErrorKind::Python => write!(f, "{}: {}", self.exc_type, self.message),
            RemoteErrorKind::Panicked => write!(f, "panicked: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl Error for RemoteError {}

/// Why a client cannot be made, or a worker does not start or go on.
///
/// # Examples
///
/// ```
/// use asynctools_celery::App;
///
/// let error = App::builder().broker("amqp://localhost").build().unwrap_err();
/// assert!(error.to_string().contains("redis://"));
/// ```
#[derive(Clone, Debug)]
pub struct WorkerError(String);

impl WorkerError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for WorkerError {}

//! Tasks, by their names on the wire.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::codec::Codec;
use crate::error::WorkerError;
use crate::message::arguments::Arguments;
use crate::message::arguments::BadArguments;

/// A function that a worker can run and a client can call. `#[celery]` writes the implementation.
///
/// # Examples
///
/// ```
/// use asynctools_celery::{Arguments, Failure, Task, TaskOptions, value};
///
/// enum Add {}
///
/// impl Task for Add {
///     const NAME: &'static str = "numbers.add";
///     const OPTIONS: TaskOptions = TaskOptions { queue: "numbers", ..TaskOptions::DEFAULT };
///
///     fn run(mut arguments: Arguments<'_>) -> Result<String, Failure> {
///         let (x, y): (i64, i64) = (arguments.take("x")?, arguments.take("y")?);
///         arguments.end()?;
///         value(&(x + y))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no task that a worker can run",
    label = "this has no body here",
    note = "a function with `#[celery(extern)]` runs elsewhere; a worker takes those with a body"
)]
pub trait Task: 'static {
    /// The name on the wire.
    const NAME: &'static str;
    /// How the task is called and run.
    const OPTIONS: TaskOptions;

    /// Runs the function and returns its result as JSON.
    ///
    /// # Errors
    ///
    /// The arguments do not fit, the function failed, or its result has no form in JSON.
    fn run(arguments: Arguments<'_>) -> Result<String, Failure>;
}

/// How the calls of a task are sent and run.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use asynctools_celery::TaskOptions;
///
/// let options = TaskOptions { queue: "images", max_retries: 3, ..TaskOptions::DEFAULT };
/// assert_eq!(options.retry_backoff, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskOptions {
    /// The queue that calls go to.
    pub queue: &'static str,
    /// Whether a message is acknowledged after the call, so another worker runs the call if this worker dies.
    pub acks_late: bool,
    /// How often a failed or panicked call is run again.
    pub max_retries: u32,
    /// The time before the first retry, twice that before the second, and so on to at most ten minutes; the wait is a random
    /// part of it.
    pub retry_backoff: Duration,
    /// How long after it was sent a call may still begin.
    pub expires: Option<Duration>,
    /// How long after it was sent a call may end before its handle gives up.
    pub result_timeout: Option<Duration>,
    /// Whether nobody wants the result.
    pub ignore_result: bool,
    /// From 0, the highest on Redis, to 9.
    pub priority: u8,
    /// How long a call may run before it ends as failed; the thread goes on until the function returns.
    pub soft_time_limit: Option<Duration>,
}

impl TaskOptions {
    /// The options of a task without options.
    pub const DEFAULT: Self = Self {
        queue: "celery",
        acks_late: true,
        max_retries: 0,
        retry_backoff: Duration::from_secs(1),
        expires: None,
        result_timeout: None,
        ignore_result: false,
        priority: 0,
        soft_time_limit: None,
    };
}

/// The end of a call without a value.
///
/// # Examples
///
/// ```
/// use asynctools_celery::Failure;
///
/// let failure = Failure::exception("shop.errors", "OutOfStock", "none is left", true);
/// assert!(format!("{failure:?}").contains("OutOfStock"));
/// ```
#[derive(Debug)]
pub struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

#[derive(Debug)]
pub(crate) enum FailureKind {
    /// The arguments do not fit.
    BadArguments,
    /// The result has no form in JSON.
    BadResult,
    /// The function returned an error: the type, the JSON, and whether the call may be tried again.
    Failed { type_name: &'static str, json: String, retry: bool },
    /// The function wants a client in Python to catch a class of its own; and whether the call may be tried again.
    Exception { module: &'static str, name: &'static str, retry: bool },
}

impl Failure {
    /// Returns the failure of a task, as an exception of this class for a client in Python. The class is found if the
    /// client has imported its module. With `retry` the call is run again, as often as its task allows.
    #[must_use]
    pub fn exception(module: &'static str, name: &'static str, message: impl Into<String>, retry: bool) -> Self {
        Self { kind: FailureKind::Exception { module, name, retry }, message: message.into() }
    }

    pub(crate) fn may_retry(&self) -> bool {
        matches!(self.kind, FailureKind::Failed { retry: true, .. } | FailureKind::Exception { retry: true, .. })
    }
}

impl From<BadArguments> for Failure {
    fn from(error: BadArguments) -> Self {
        Self { kind: FailureKind::BadArguments, message: error.to_string() }
    }
}

fn bad_result<T>(why: &str) -> Failure {
    let message = format!("the result of type `{}` has no form in JSON: {why}", type_name::<T>());
    Failure { kind: FailureKind::BadResult, message }
}

fn failed<E>(json: String, message: String, retry: bool) -> Failure {
    Failure { kind: FailureKind::Failed { type_name: type_name::<E>(), json, retry }, message }
}

/// Returns the result of an infallible function for [`Task::run`].
///
/// # Errors
///
/// The value has no form in JSON.
///
/// # Examples
///
/// ```
/// use asynctools_celery::value;
///
/// assert_eq!(value(&("Ada", 36)).unwrap(), r#"["Ada",36]"#);
/// ```
pub fn value<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| bad_result::<T>(&error.to_string()))
}

/// Returns the result of a fallible function for [`Task::run`]; `retry_on` decides whether an error may be tried again.
///
/// # Errors
///
/// The function failed, or its value has no form in JSON.
///
/// # Examples
///
/// ```
/// use asynctools_celery::result;
///
/// let read: Result<u8, String> = "7".parse().map_err(|_| "no number".to_owned());
/// assert_eq!(result(&read, |_| false).unwrap(), "7");
///
/// let refused: Result<u8, String> = Err("too large".to_owned());
/// assert!(format!("{:?}", result(&refused, |_| false)).contains("too large"));
/// ```
pub fn result<T, E>(result: &Result<T, E>, retry_on: impl FnOnce(&E) -> bool) -> Result<String, Failure>
where
    T: Serialize,
    E: Serialize + fmt::Display,
{
    match result {
        Ok(ok) => value(ok),
        Err(error) => Err(failed::<E>(value(error)?, error.to_string(), retry_on(error))),
    }
}

/// Returns the result of an infallible function whose value travels this way.
///
/// # Errors
///
/// The value has no form in JSON.
pub fn value_with<T>(codec: &Codec<T, T>, value: &T) -> Result<String, Failure> {
    codec.write(value).map_err(|why| bad_result::<T>(&why))
}

/// Returns the result of a fallible function whose value and error travel these ways.
///
/// # Errors
///
/// The function failed, or its value has no form in JSON.
pub fn result_with<T, E>(
    value: &Codec<T, T>,
    error: &Codec<E, E>,
    text: fn(&E) -> String,
    result: &Result<T, E>,
    retry_on: impl FnOnce(&E) -> bool,
) -> Result<String, Failure> {
    match result {
        Ok(ok) => value_with(value, ok),
        Err(lost) => Err(failed::<E>(value_with(error, lost)?, text(lost), retry_on(lost))),
    }
}

/// Returns the argument of a task whose values travel this way.
///
/// # Errors
///
/// The argument is missing, is there twice, or is of another type.
pub fn take_with<B: ?Sized, T>(arguments: &mut Arguments<'_>, codec: &Codec<B, T>, name: &str) -> Result<T, Failure> {
    Ok(arguments.take_by(name, |json| codec.read(json))?)
}

/// A task, from the side of a worker. `#[celery]` submits a task for each function, and `all` collects these tasks.
///
/// # Examples
///
/// ```
/// use asynctools_celery::Entry;
/// # use asynctools_celery::{Arguments, Failure, Task, TaskOptions, value};
/// # enum Add {}
/// # impl Task for Add {
/// #     const NAME: &'static str = "numbers.add";
/// #     const OPTIONS: TaskOptions = TaskOptions::DEFAULT;
/// #     fn run(_arguments: Arguments<'_>) -> Result<String, Failure> {
/// #         value(&5)
/// #     }
/// # }
///
/// // `Add` is a `Task`.
/// const ADD: Entry = Entry::of::<Add>();
/// assert!(format!("{ADD:?}").contains("numbers.add"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(crate) name: &'static str,
    pub(crate) options: TaskOptions,
    pub(crate) run: fn(Arguments<'_>) -> Result<String, Failure>,
}

impl Entry {
    /// Returns the entry of a task.
    #[must_use]
    pub const fn of<T: Task>() -> Self {
        Self { name: T::NAME, options: T::OPTIONS, run: T::run }
    }
}

inventory::collect!(Entry);

/// The tasks of a worker.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<&'static str, Entry>);

impl Registry {
    pub(crate) fn new(entries: Vec<Entry>) -> Result<Self, WorkerError> {
        let mut tasks = BTreeMap::new();
        for entry in entries {
            if tasks.insert(entry.name, entry).is_some() {
                return Err(WorkerError::new(format!(
                    "two tasks are named `{}`; give one of them another name",
                    entry.name
                )));
            }
        }
        Ok(Self(tasks))
    }

    /// Returns the tasks submitted by the crates of this program.
    pub(crate) fn submitted() -> Vec<Entry> {
        inventory::iter::<Entry>().copied().collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }
}

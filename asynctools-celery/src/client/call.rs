//! A call that is to be sent.

use std::borrow::Cow;
use std::fmt;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Duration;

use serde::Serialize;

use crate::registry::TaskOptions;
use crate::store::Answer;

/// Says what happens with the end of a call.
pub(crate) type Done = Box<dyn FnOnce(Answer) + Send>;

/// Runs a caller's code on a thread of the client, which goes on after a panic. The payload may panic when it is dropped.
pub(crate) fn survive(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        mem::forget(payload);
    }
}

/// A call for [`App::send`](crate::App::send).
///
/// # Examples
///
/// ```
/// use asynctools_celery::{Call, TaskOptions};
///
/// let call = Call::new("numbers.add", TaskOptions::DEFAULT, (1, 2));
/// assert!(format!("{call:?}").contains("numbers.add"));
/// ```
pub struct Call {
    pub(crate) task: Cow<'static, str>,
    pub(crate) options: CallOptions,
    /// Writes the list of arguments. The sender thread calls it, so the caller of a function does not pay for it.
    pub(crate) args: Box<dyn FnOnce() -> Result<String, String> + Send>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("task", &self.task).field("options", &self.options).finish_non_exhaustive()
    }
}

/// The options of one call; those of its task, where the call says nothing else.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use asynctools_celery::{Call, CallOptions, TaskOptions};
///
/// let options = TaskOptions::DEFAULT;
/// let later = CallOptions::of(options).queue("nights").countdown(Duration::from_secs(3600));
/// let call = Call::new("reports.build", options, ("2026-11",)).with(later);
/// assert!(format!("{call:?}").contains("nights"));
/// ```
#[derive(Clone, Debug)]
pub struct CallOptions {
    pub(crate) queue: Cow<'static, str>,
    pub(crate) priority: u8,
    pub(crate) countdown: Option<Duration>,
    pub(crate) expires: Option<Duration>,
    pub(crate) result_timeout: Option<Duration>,
    pub(crate) soft_time_limit: Option<Duration>,
    pub(crate) ignore_result: bool,
    pub(crate) headers: Vec<(String, String)>,
}

impl Call {
    /// Returns a call of the task of this name, with positional arguments: a tuple or a list.
    pub fn new(
        task: impl Into<Cow<'static, str>>,
        options: TaskOptions,
        args: impl Serialize + Send + 'static,
    ) -> Self {
        let write = move || serde_json::to_string(&args).map_err(|error| error.to_string());
        Self::written(task, CallOptions::of(options), write)
    }

    /// Returns a call whose list of arguments `args` writes.
    pub fn written(
        task: impl Into<Cow<'static, str>>,
        options: CallOptions,
        args: impl FnOnce() -> Result<String, String> + Send + 'static,
    ) -> Self {
        Self { task: task.into(), options, args: Box::new(args) }
    }

    /// Returns the list of arguments, which can be asked for once, or why there is none.
    pub(crate) fn write(&mut self) -> Result<String, String> {
        let written = mem::replace(&mut self.args, Box::new(|| Err("they were written before".to_owned())));
        let why = match catch_unwind(AssertUnwindSafe(written)) {
            // No arguments: the form of `()`.
            Ok(Ok(args)) if args == "null" => return Ok("[]".to_owned()),
            Ok(Ok(args)) if args.starts_with('[') => return Ok(args),
            Ok(Ok(_)) => "they are neither a tuple nor a list".to_owned(),
            Ok(Err(why)) => why,
            Err(payload) => {
                // It may panic when it is dropped.
                mem::forget(payload);
                "their `Serialize` panicked".to_owned()
            }
        };
        Err(format!("the arguments of `{}` have no form in JSON: {why}", self.task))
    }

    /// Returns the call with other options.
    #[must_use]
    pub fn with(self, options: CallOptions) -> Self {
        Self { options, ..self }
    }
}

impl CallOptions {
    /// Returns the options of a call of a task with these options.
    #[must_use]
    pub fn of(task: TaskOptions) -> Self {
        Self {
            queue: Cow::Borrowed(task.queue),
            priority: task.priority,
            countdown: None,
            expires: task.expires,
            result_timeout: task.result_timeout,
            soft_time_limit: task.soft_time_limit,
            ignore_result: task.ignore_result,
            headers: Vec::new(),
        }
    }

    /// Sets the queue that the call goes to.
    #[must_use]
    pub fn queue(self, queue: impl Into<Cow<'static, str>>) -> Self {
        Self { queue: queue.into(), ..self }
    }

    /// Sets the priority, from 0, the highest on Redis, to 9; a greater number is 9.
    #[must_use]
    pub fn priority(self, priority: u8) -> Self {
        Self { priority: priority.min(9), ..self }
    }

    /// Sets the time that must pass before the call begins.
    #[must_use]
    pub fn countdown(self, countdown: Duration) -> Self {
        Self { countdown: Some(countdown), ..self }
    }

    /// Sets how long after it was sent the call may still begin.
    #[must_use]
    pub fn expires(self, expires: Duration) -> Self {
        Self { expires: Some(expires), ..self }
    }

    /// Sets how long after it was made the call may end before its caller gives up.
    #[must_use]
    pub fn result_timeout(self, timeout: Duration) -> Self {
        Self { result_timeout: Some(timeout), ..self }
    }

    /// Adds a header of the program's own to the message, in place of a former header of that name. A header with a name that
    /// Celery uses is left out.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.headers.retain(|(given, _)| *given != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Adds headers of the program's own, such as those of a map, as [`header`](Self::header) does.
    #[must_use]
    pub fn headers<N: Into<String>, V: Into<String>>(self, headers: impl IntoIterator<Item = (N, V)>) -> Self {
        headers.into_iter().fold(self, |options, (name, value)| options.header(name, value))
    }
}

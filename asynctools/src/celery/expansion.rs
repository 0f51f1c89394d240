//! The functions that expansions of `#[celery]` call.

use std::marker::PhantomData;
use std::sync::Arc;

use asynctools_celery::Answer;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Ticket;

use crate::celery::process::app;
use crate::error::TaskError;
use crate::graph::waiters::Elsewhere;
use crate::handles::promise::Promise;

/// Sends a call. `read` turns its end into the value or the loss of the promise.
pub fn send<R: Send + 'static>(
    task: &'static str,
    options: CallOptions,
    args: impl FnOnce() -> Result<String, String> + Send + 'static,
    promise: Promise<R>,
    read: impl FnOnce(Answer) -> Result<R, RemoteError> + Send + 'static,
) {
    let app = match app() {
        Ok(app) => app,
        Err(error) => {
            let error = RemoteError::new(RemoteErrorKind::Broker, error.to_string());
            return settle(promise, read(error.into()));
        }
    };
    let ticket = Arc::new(app.ticket());
    promise.run_by(ticket.clone());
    ticket.send(Call::written(task, options, args), move |answer| settle(promise, read(answer)));
}

/// The ticket of a call on the fleet is what the handle sees of the call.
impl Elsewhere for Ticket {
    fn cancel(&self) -> bool {
        self.cancel()
    }

    fn id(&self) -> Option<String> {
        self.task_id()
    }

    fn is_kept(&self) -> bool {
        true
    }
}

fn settle<R: Send + 'static>(promise: Promise<R>, end: Result<R, RemoteError>) {
    match end {
        Ok(value) => promise.set(value),
        Err(error) if error.kind == RemoteErrorKind::Cancelled => promise.end_with(TaskError::Cancelled),
        Err(error) => promise.end_with(TaskError::Remote(Box::new(error))),
    }
}

/// Turns a remote error into an `E`, if there is a way: the method is found in [`ViaFrom`] first.
#[derive(Debug)]
pub struct Remote<E>(PhantomData<fn() -> E>);

impl<E> Remote<E> {
    /// Returns the question for an error type.
    #[expect(clippy::new_without_default, reason = "expansions write `new`")]
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// The way by `From`.
pub trait ViaFrom<E> {
    /// Returns the error as an `E`.
    ///
    /// # Errors
    ///
    /// A call that its caller cancelled has no error of the function's.
    fn convert(&self, error: RemoteError) -> Result<E, RemoteError>;
}

impl<E: From<RemoteError>> ViaFrom<E> for Remote<E> {
    fn convert(&self, error: RemoteError) -> Result<E, RemoteError> {
        if error.kind == RemoteErrorKind::Cancelled { Err(error) } else { Ok(error.into()) }
    }
}

/// No way.
pub trait ViaLoss<E> {
    /// Returns the error as it is.
    ///
    /// # Errors
    ///
    /// Always.
    fn convert(&self, error: RemoteError) -> Result<E, RemoteError>;
}

impl<E> ViaLoss<E> for &Remote<E> {
    fn convert(&self, error: RemoteError) -> Result<E, RemoteError> {
        Err(error)
    }
}

/// Writes the options of a single call. The type that `#[celery]` writes has a field `options`.
#[doc(hidden)]
#[macro_export]
macro_rules! __celery_with {
    ($name:ident) => {
        #[allow(dead_code, reason = "a program uses what it needs")]
        impl $name {
            /// Returns a call with the options of the function, which the methods of this type change for this call.
            #[must_use]
            pub fn with() -> Self {
                Self { options: $crate::celery::__private::CallOptions::of(Self::OPTIONS) }
            }

            /// Sets the queue that the call goes to.
            #[must_use]
            pub fn queue(self, queue: impl ::core::convert::Into<::std::borrow::Cow<'static, str>>) -> Self {
                Self { options: self.options.queue(queue) }
            }

            /// Sets the priority, from 0, the highest on Redis, to 9.
            #[must_use]
            pub fn priority(self, priority: u8) -> Self {
                Self { options: self.options.priority(priority) }
            }

            /// Sets the time that must pass before the call begins.
            #[must_use]
            pub fn countdown(self, countdown: ::core::time::Duration) -> Self {
                Self { options: self.options.countdown(countdown) }
            }

            /// Sets how long after it was sent the call may still begin.
            #[must_use]
            pub fn expires(self, expires: ::core::time::Duration) -> Self {
                Self { options: self.options.expires(expires) }
            }

            /// Sets how long after it was made the call may end before its handle gives up.
            #[must_use]
            pub fn result_timeout(self, timeout: ::core::time::Duration) -> Self {
                Self { options: self.options.result_timeout(timeout) }
            }

            /// Adds a header of the program's own to the message.
            #[must_use]
            pub fn header(
                self,
                name: impl ::core::convert::Into<::std::string::String>,
                value: impl ::core::convert::Into<::std::string::String>,
            ) -> Self {
                Self { options: self.options.header(name, value) }
            }

            /// Adds headers of the program's own to the message, such as those of a map.
            #[must_use]
            pub fn headers<N, V>(self, headers: impl ::core::iter::IntoIterator<Item = (N, V)>) -> Self
            where
                N: ::core::convert::Into<::std::string::String>,
                V: ::core::convert::Into<::std::string::String>,
            {
                Self { options: self.options.headers(headers) }
            }
        }
    };
}

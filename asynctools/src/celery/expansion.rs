//! What expansions of `#[celery]` call.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;

use asynctools_celery::Answer;
use asynctools_celery::Bytes;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use serde::Serialize;
use serde::Serializer;
use serde::de::DeserializeOwned;

use crate::celery::app;
use crate::error::TaskError;
use crate::handles::promise::Promise;

/// A value that goes to another machine and comes back: an argument, a result, or an error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to a Celery worker and back",
    label = "`{Self}` does not implement both `Serialize` and `DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Travels: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Travels for T {}

/// An error that goes to another machine, which also gets its text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no text, which callers in Python get",
    label = "`{Self}` does not implement `Display`",
    note = "implement `std::fmt::Display` for the error"
)]
pub trait Ends: fmt::Display {}

#[diagnostic::do_not_recommend]
impl<E: fmt::Display> Ends for E {}

/// Asks rustc whether a type can travel.
pub const fn travels<T: Travels>() {}

/// Asks rustc whether an error has a text.
pub const fn ends<E: Ends>() {}

/// The owner of an argument, which travels as what it borrows as.
pub struct ByReference<B: ?Sized, O>(O, PhantomData<fn() -> Box<B>>);

impl<B: ?Sized, O> ByReference<B, O> {
    /// Takes the owner.
    pub fn new(owner: O) -> Self {
        Self(owner, PhantomData)
    }
}

impl<B: ?Sized, O> fmt::Debug for ByReference<B, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByReference").finish_non_exhaustive()
    }
}

impl<B: Serialize + ?Sized, O: Borrow<B>> Serialize for ByReference<B, O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.borrow().serialize(serializer)
    }
}

/// The owner of bytes, which travel as Python's `bytes`.
#[derive(Debug)]
pub struct BytesByReference<O>(pub O);

impl<O: Borrow<[u8]>> Serialize for BytesByReference<O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Bytes(self.0.borrow().to_vec()).serialize(serializer)
    }
}

/// Sends a call. What `read` makes of its end goes to the promise.
pub fn send<R: Send + 'static>(
    task: &'static str,
    options: CallOptions,
    args: impl Serialize + Send + 'static,
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
    let ticket = app.ticket();
    let cancelled = ticket.clone();
    promise.on_cancel(move || cancelled.cancel());
    ticket.send(Call::with_options(task, options, args), move |answer| settle(promise, read(answer)));
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
        }
    };
}

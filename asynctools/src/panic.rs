//! `Panic`: the panic of a call, with its payload.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::sync::PoisonError;

use crate::call_site::CallSite;
use crate::panics::discard;
use crate::sync::Mutex;

/// A panic of a call: the content of [`TaskError::Panicked`](crate::TaskError::Panicked).
///
/// # Examples
///
/// ```
/// use asynctools::{Pool, TaskError};
///
/// let pool = Pool::new(1);
/// let call = pool.spawn(|| -> u8 { std::panic::panic_any(7_u32) });
/// let Err(TaskError::Panicked(panic)) = call.outcome() else {
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

    /// Returns the site of the call that panicked.
    pub(crate) fn site(&self) -> CallSite {
        self.0.site
    }

    /// Returns the text of the panic; `Box<dyn Any>` for a payload that is no text, as std prints it.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{TaskError, parallel};
    ///
    /// let call = parallel(|| -> u8 { panic!("no luck") });
    /// let Err(TaskError::Panicked(panic)) = call.outcome() else { unreachable!() };
    /// assert_eq!(panic.message(), "no luck");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Takes the payload, for [`resume_unwind`](std::panic::resume_unwind). Only the first reader of the panic gets it.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{TaskError, parallel};
    ///
    /// let call = parallel(|| -> u8 { panic!("no luck") });
    /// let Err(TaskError::Panicked(panic)) = call.outcome() else { unreachable!() };
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

/// Prints the text of the panic.
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for Panic {}

impl Drop for PanicParts {
    fn drop(&mut self) {
        let payload = self.payload.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        discard(payload);
    }
}

// The content is shared, and no reader sees it half done.
impl UnwindSafe for Panic {}
impl RefUnwindSafe for Panic {}

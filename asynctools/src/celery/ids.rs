//! The ids of calls on a fleet: from a handle to its id, and from an id to a handle.

use asynctools_celery::__private::DeserializeOwned;
use asynctools_celery::Answer;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;

use crate::celery::process::app;
use crate::hand_over::hand_over;
use crate::handles::value::AsyncValue;

impl<T> AsyncValue<T> {
    /// Returns the id of a call on a fleet, by which Celery's tools know the call, and [`attach`] finds its result.
    ///
    /// `None` for any other call, for a call of [`local`](crate::celery::local), and while the call waits for an argument. The id
    /// stays when the call has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use asynctools::celery;
    ///
    /// #[celery(extern, name = "ml.score")]
    /// fn score(text: String) -> f64;
    ///
    /// let call = score("one of many".to_owned());
    /// println!("sent as {}", call.task_id().unwrap_or_default());
    /// ```
    #[must_use]
    pub fn task_id(&self) -> Option<String> {
        self.node().task_id()
    }
}

/// Returns a handle to a call made by another program, or by an earlier run of this program, from the call's id. The
/// result stays in the backend.
///
/// The client of this process ([`app`]) looks for the result at once, then every half second. A call of this client's own has
/// no result in the backend once it was delivered: a handle to it gets an error of the kind
/// [`Broker`](RemoteErrorKind::Broker).
///
/// # Examples
///
/// ```no_run
/// use asynctools::celery;
///
/// # let stored = String::new();
/// let score = celery::attach::<f64>(stored);
/// println!("{:?}", score.get());
/// ```
#[track_caller]
pub fn attach<R: DeserializeOwned + Send + 'static>(id: impl Into<String>) -> AsyncValue<Result<R, RemoteError>> {
    let id = id.into();
    hand_over(|promise| match app() {
        Ok(app) => app.attach(id, |answer: Answer| promise.set(answer.into_value())),
        Err(error) => {
            let error = RemoteError::new(RemoteErrorKind::Broker, error.to_string());
            promise.set(Err(error.with_task_id(id)));
        }
    })
}

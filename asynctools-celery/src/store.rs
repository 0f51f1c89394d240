//! Results, in their form in the backend.

use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::codec::Codec;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::message::arguments;
use crate::wire::time::Timestamp;

/// The type written by the worker for arguments of a wrong type or number.
pub(crate) const BAD_ARGUMENTS: &str = "BadArguments";

/// The state of a call, by Celery's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Success,
    Failure,
    /// A worker has acknowledged the message, and runs the call.
    Started,
    Retry,
    Revoked,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Started => "STARTED",
            Self::Retry => "RETRY",
            Self::Revoked => "REVOKED",
        }
    }
}

/// An exception as Celery stores it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Exception {
    pub(crate) exc_type: String,
    pub(crate) exc_message: Vec<String>,
    pub(crate) exc_module: &'static str,
    /// The typed error, from which a caller in Rust gets its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rust: Option<Typed>,
}

/// An error of Rust, as data.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Typed {
    #[serde(rename = "type")]
    pub(crate) type_name: &'static str,
    pub(crate) value: Box<RawValue>,
}

/// The fields stored beside the result of a call.
#[derive(Debug, Default, Serialize)]
pub(crate) struct About<'a> {
    pub(crate) task_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_id: Option<&'a str>,
    #[serde(flatten)]
    pub(crate) extended: Option<Extended<'a>>,
}

/// The fields that Celery stores if `result_extended` is set.
#[derive(Debug, Serialize)]
pub(crate) struct Extended<'a> {
    pub(crate) name: &'a str,
    pub(crate) args: Value,
    pub(crate) kwargs: Value,
    pub(crate) worker: &'a str,
    pub(crate) retries: u32,
    pub(crate) queue: &'a str,
}

/// Returns the text to store. The status comes first, since the store compares the first bytes.
pub(crate) fn write(state: State, result: &str, traceback: Option<&str>, about: &About<'_>) -> Vec<u8> {
    let word = state.word();
    let traceback = serde_json::to_string(&traceback).expect("text always has a form in JSON");
    let about = serde_json::to_string(about).expect("text, numbers and values always have a form in JSON");
    let done = if matches!(state, State::Started | State::Retry) {
        "null".to_owned()
    } else {
        format!("\"{}\"", Timestamp::now())
    };
    let about = about.trim_start_matches('{');
    let text = format!(
        r#"{{"status": "{word}", "result": {result}, "traceback": {traceback}, "children": [], "date_done": {done}, {about}"#
    );
    text.into_bytes()
}

/// The end of a call, as told to the client.
///
/// # Examples
///
/// ```
/// use asynctools_celery::{Answer, RemoteError, RemoteErrorKind};
///
/// let answer = Answer::from(RemoteError::new(RemoteErrorKind::Timeout, "no result within 2s"));
/// assert_eq!(answer.into_value::<u8>().unwrap_err().kind, RemoteErrorKind::Timeout);
/// ```
#[derive(Debug)]
pub struct Answer(Result<Box<RawValue>, Box<Lost>>);

#[derive(Clone, Debug)]
struct Lost {
    error: RemoteError,
    typed: Option<(String, Box<RawValue>)>,
}

impl From<RemoteError> for Answer {
    fn from(error: RemoteError) -> Self {
        Self(Err(Box::new(Lost { error, typed: None })))
    }
}

impl Answer {
    /// Returns the same answer, for another wait for the same call.
    pub(crate) fn copied(&self) -> Self {
        Self(self.0.clone())
    }

    /// Returns this JSON as an answer.
    pub(crate) fn of_json(json: String) -> Self {
        match RawValue::from_string(json) {
            Ok(raw) => Self(Ok(raw)),
            Err(error) => {
                RemoteError::new(RemoteErrorKind::BadResult, format!("the result is no JSON: {error}")).into()
            }
        }
    }

    /// Returns the value of a call.
    ///
    /// # Errors
    ///
    /// The call failed, or its value is not a `T`.
    pub fn into_value<T: DeserializeOwned>(self) -> Result<T, RemoteError> {
        self.value_by(read_value::<T>)
    }

    /// Returns the result of a call of a fallible function: the value, or the returned error if the type is `E`.
    ///
    /// # Errors
    ///
    /// The call ended without either.
    pub fn into_result<T: DeserializeOwned, E: DeserializeOwned>(self) -> Result<Result<T, E>, RemoteError> {
        self.result_by(read_value::<T>, read_value::<E>)
    }

    /// Returns the value of a call, read this way.
    ///
    /// # Errors
    ///
    /// The call failed, or its value is not a `T`.
    pub fn value_with<T>(self, codec: &Codec<T, T>) -> Result<T, RemoteError> {
        self.value_by(|json| codec.read(Some(json)))
    }

    /// Returns the result of a call of a fallible function whose value and error travel these ways.
    ///
    /// # Errors
    ///
    /// The call ended without either.
    pub fn result_with<T, E>(self, value: &Codec<T, T>, error: &Codec<E, E>) -> Result<Result<T, E>, RemoteError> {
        self.result_by(|json| value.read(Some(json)), |json| error.read(Some(json)))
    }

    fn value_by<T>(self, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, RemoteError> {
        let raw = self.0.map_err(|lost| lost.error)?;
        read(raw.get()).map_err(|why| {
            let kind = RemoteErrorKind::BadResult;
            RemoteError::new(kind, format!("the result is no `{}`: {why}", std::any::type_name::<T>()))
        })
    }

    fn result_by<T, E>(
        self,
        read: impl FnOnce(&str) -> Result<T, String>,
        read_error: impl FnOnce(&str) -> Result<E, String>,
    ) -> Result<Result<T, E>, RemoteError> {
        if let Err(lost) = &self.0
            && let Some((name, value)) = &lost.typed
            && name == std::any::type_name::<E>()
            && let Ok(error) = read_error(value.get())
        {
            return Ok(Err(error));
        }
        self.value_by(read).map(Ok)
    }
}

fn read_value<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    arguments::read(Some(json))
}

#[derive(Deserialize)]
struct Meta<'a> {
    status: Cow<'a, str>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    traceback: Option<Box<str>>,
    #[serde(default)]
    worker: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Thrown<'a> {
    exc_type: String,
    #[serde(default)]
    exc_message: Value,
    #[serde(borrow, default)]
    rust: Option<RustError<'a>>,
}

#[derive(Deserialize)]
struct RustError<'a> {
    #[serde(rename = "type")]
    type_name: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

/// Reads a stored result. `None` where the call has not ended yet.
pub(crate) fn read(id: &str, text: &[u8]) -> Option<Answer> {
    let meta = match serde_json::from_slice::<Meta<'_>>(text) {
        Ok(meta) => meta,
        Err(error) => {
            let error =
                RemoteError::new(RemoteErrorKind::BadResult, format!("the stored result cannot be read: {error}"));
            return Some(error.with_task_id(id).into());
        }
    };
    match meta.status.as_ref() {
        "SUCCESS" => Some(Answer(Ok(meta.result.map_or_else(null, RawValue::to_owned)))),
        "FAILURE" | "REVOKED" => Some(failed(id, meta)),
        _ => None,
    }
}

fn null() -> Box<RawValue> {
    RawValue::from_string("null".to_owned()).expect("null is JSON")
}

fn failed(id: &str, meta: Meta<'_>) -> Answer {
    let thrown = meta.result.and_then(|raw| serde_json::from_str::<Thrown<'_>>(raw.get()).ok());
    let revoked = meta.status == "REVOKED";
    let thrown = thrown.unwrap_or_else(|| Thrown {
        exc_type: if revoked { "TaskRevokedError" } else { "Exception" }.to_owned(),
        exc_message: meta.result.map_or(Value::Null, |raw| Value::String(raw.get().to_owned())),
        rust: None,
    });
    let message = message(&thrown.exc_message);
    let kind = match thrown.exc_type.as_str() {
        _ if revoked && message == "expired" => RemoteErrorKind::Expired,
        _ if revoked => RemoteErrorKind::Revoked,
        "RustPanic" => RemoteErrorKind::Panicked,
        "NotRegistered" => RemoteErrorKind::NotRegistered,
        _ if thrown.rust.as_ref().is_some_and(|error| error.type_name == BAD_ARGUMENTS) => {
            RemoteErrorKind::BadArguments
        }
        "BadResult" => RemoteErrorKind::BadResult,
        "ContentDisallowed" => RemoteErrorKind::Content,
        "WorkerLost" | "WorkerLostError" => RemoteErrorKind::WorkerLost,
        "SoftTimeLimitExceeded" => RemoteErrorKind::SoftTimeLimit,
        _ => RemoteErrorKind::Python,
    };
    let typed = thrown.rust.map(|error| (error.type_name, error.value.to_owned()));
    let error = RemoteError {
        kind,
        exc_type: thrown.exc_type,
        message,
        traceback: meta.traceback,
        task_id: id.to_owned(),
        worker: meta.worker,
    };
    Answer(Err(Box::new(Lost { error, typed })))
}

/// Returns the arguments of an exception as a message.
fn message(arguments: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match arguments {
        Value::Array(parts) => parts.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => text(other),
    }
}

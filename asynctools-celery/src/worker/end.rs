//! The end of a call, and the stored result.

use std::process;

use serde_json::Value;
use serde_json::json;
use serde_json::value::RawValue;

use crate::message::request::Request;
use crate::registry::Failure;
use crate::registry::FailureKind;
use crate::store;
use crate::store::About;
use crate::store::Exception;
use crate::store::Extended;
use crate::store::State;
use crate::store::Typed;
use crate::worker::link::Finish;
use crate::worker::panics::Panicked;
use crate::worker::shared::Config;

/// The module of this crate's exceptions in Python: Python makes a class of that name.
const MODULE: &str = "rust";

/// The life of a result in seconds: a client in Rust reads a result at once.
const RUST_EXPIRES: u64 = 3_600;
const PYTHON_EXPIRES: u64 = 86_400;

/// The longest text that a Redis takes, if it is not configured otherwise.
const LARGEST: usize = 512 << 20;

/// The arguments of a call, where its result is stored with them.
pub(crate) type Given = Option<(Value, Value)>;

/// The end of a call.
pub(crate) enum End {
    Value(String),
    /// An exception and its traceback.
    Failed(Exception, Option<String>),
    /// The same, for a call to be run again.
    Retry(Exception, Option<String>),
    /// No end yet: this worker runs the call, whose message is acknowledged.
    Started {
        hostname: String,
    },
    /// Never run.
    Revoked(Exception),
}

pub(crate) fn exception(exc_type: &str, message: impl Into<String>, module: &'static str) -> Exception {
    Exception { exc_type: exc_type.to_owned(), exc_message: vec![message.into()], exc_module: module, rust: None }
}

/// An exception with a class in Celery.
pub(crate) fn celery(exc_type: &str, message: impl Into<String>) -> Exception {
    exception(exc_type, message, "celery.exceptions")
}

impl End {
    pub(crate) fn of_panic(panicked: Panicked) -> Self {
        Self::Failed(exception("RustPanic", panicked.message, MODULE), Some(panicked.traceback))
    }

    pub(crate) fn of_failure(failure: Failure) -> Self {
        let Failure { kind, message } = failure;
        match kind {
            // Python raises the same class; the mark tells it from a `TypeError` of the function's own.
            FailureKind::BadArguments => {
                let value = RawValue::from_string("null".to_owned()).expect("null is JSON");
                let rust = Some(Typed { type_name: store::BAD_ARGUMENTS, value });
                Self::Failed(Exception { rust, ..exception("TypeError", message, "builtins") }, None)
            }
            FailureKind::Exception { module, name, .. } => Self::Failed(exception(name, message, module), None),
            FailureKind::BadResult => Self::Failed(exception("BadResult", message, MODULE), None),
            FailureKind::Failed { type_name, json, .. } => {
                let generic = type_name.split('<').next().unwrap_or(type_name);
                let name = generic.rsplit("::").next().unwrap_or(generic);
                let rust = RawValue::from_string(json).ok().map(|value| Typed { type_name, value });
                let error = Exception { rust, ..exception(name, message, MODULE) };
                Self::Failed(error, None)
            }
        }
    }

    /// Returns what is stored in the place of a text that is too large.
    pub(crate) fn too_large(bytes: usize, why: &str) -> Self {
        let why = format!("the result has {bytes} bytes, and {why}");
        Self::Failed(exception("BadResult", why, MODULE), None)
    }

    /// Returns the text to store, which is no longer than `largest`.
    fn text_within(&self, about: &About<'_>, largest: usize) -> Vec<u8> {
        let text = self.text(about);
        if text.len() <= largest {
            return text;
        }
        let large = Self::too_large(text.len(), &format!("the broker takes at most {largest}"));
        match (self, large) {
            (Self::Retry(..), Self::Failed(exception, traceback)) => Self::Retry(exception, traceback).text(about),
            (_, large) => large.text(about),
        }
    }

    /// Returns the text to store.
    pub(crate) fn text(&self, about: &About<'_>) -> Vec<u8> {
        let json = |exception| serde_json::to_string(exception).expect("text always has a form in JSON");
        let (state, result, traceback) = match self {
            Self::Value(value) => (State::Success, value.clone(), None),
            Self::Failed(exception, traceback) => (State::Failure, json(exception), traceback.as_deref()),
            Self::Retry(exception, traceback) => (State::Retry, json(exception), traceback.as_deref()),
            Self::Started { hostname } => {
                (State::Started, json!({"pid": process::id(), "hostname": hostname}).to_string(), None)
            }
            Self::Revoked(exception) => (State::Revoked, json(exception), None),
        };
        store::write(state, &result, traceback, about)
    }

    /// Returns the id of the call with the text to store, if anybody is to read it.
    pub(crate) fn result(
        &self,
        config: &Config,
        request: &Request,
        list: &str,
        given: Given,
    ) -> Option<(String, Vec<u8>, u64)> {
        if request.ignore_result {
            return None;
        }
        let (args, kwargs) = given.unwrap_or_default();
        let extended = config.result_extended.then_some(Extended {
            name: &request.task,
            args,
            kwargs,
            worker: &config.name,
            retries: request.retries,
            queue: config.keys.queue(list),
        });
        let about = About {
            task_id: &request.id,
            group_id: request.group.as_deref(),
            parent_id: request.parent_id.as_deref(),
            extended,
        };
        let default = if request.from_rust { RUST_EXPIRES } else { PYTHON_EXPIRES };
        let seconds = config.result_expires.map_or(default, |expires| expires.as_secs());
        Some((request.id.clone(), self.text_within(&about, LARGEST), seconds))
    }
}

impl Finish {
    /// Returns the end of a stored and acknowledged message.
    pub(crate) fn stored(tag: String, result: Option<(String, Vec<u8>, u64)>) -> Self {
        Self { tag, result, ..Self::default() }
    }

    /// Returns the end of a message for the queue of messages never finished.
    pub(crate) fn dead(tag: String, dead: String, message: &[u8]) -> Self {
        Self { tag, push: Some((dead, message.to_vec())), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::About;
    use crate::worker::end::End;
    use crate::worker::end::exception;

    #[test]
    fn a_text_that_is_too_large_says_so() {
        let about = About { task_id: "a", ..About::default() };
        let text = |end: &End, largest| String::from_utf8(end.text_within(&about, largest)).expect("it is JSON");
        let value = End::Value(format!("{:?}", "x".repeat(400)));
        let bytes = value.text(&about).len();
        assert_eq!(text(&value, bytes).len(), bytes, "the largest text is stored");
        let large = text(&value, bytes - 1);
        assert!(large.starts_with(r#"{"status": "FAILURE", "result": {"exc_type":"BadResult""#), "{large}");
        assert!(large.contains(&format!("the result has {bytes} bytes")), "{large}");
        let retry = text(&End::Retry(exception("E", "x".repeat(400), "rust"), None), bytes - 1);
        assert!(retry.starts_with(r#"{"status": "RETRY", "result": {"exc_type":"BadResult""#), "{retry}");
    }
}

//! `Request`: the call that a message asks for.

use std::time::Duration;

use serde_json::Value;

use crate::wire::envelope::Envelope;
use crate::wire::time::Timestamp;

/// The header in which a worker of this crate counts how often a message was taken and not finished.
pub(crate) const DELIVERIES: &str = "x-delivery-count";

/// The headers of a message, read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) retries: u32,
    pub(crate) eta: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) group: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) soft_time_limit: Option<Duration>,
    pub(crate) ignore_result: bool,
    /// Whether the sender is this crate, which reads its results at once and deletes them.
    pub(crate) from_rust: bool,
    /// Why the message is not to be run.
    pub(crate) refused: Option<String>,
}

impl Request {
    /// Reads the headers. `Err` where they do not say who waits for which task.
    pub(crate) fn read(envelope: &Envelope<'_>) -> Result<Self, String> {
        let (Some(id), Some(task)) = (envelope.text("id"), envelope.text("task")) else {
            return Err("the headers `id` and `task` are missing".to_owned());
        };
        let text = |name| envelope.text(name).map(str::to_owned);
        let mut refused = None;
        let mut refuse = |why| refused = Some(why);
        Ok(Self {
            id: id.to_owned(),
            task: task.to_owned(),
            retries: count(envelope, "retries"),
            eta: time(envelope, "eta").map_err(&mut refuse).unwrap_or_default(),
            expires: time(envelope, "expires").map_err(&mut refuse).unwrap_or_default(),
            group: text("group"),
            parent_id: text("parent_id"),
            soft_time_limit: soft_time_limit(envelope).map_err(&mut refuse).unwrap_or_default(),
            ignore_result: envelope.headers.get("ignore_result").and_then(Value::as_bool).unwrap_or(false),
            from_rust: envelope.text("lang") == Some("rust"),
            refused,
        })
    }
}

/// Returns how often the message was taken and not finished.
pub(crate) fn deliveries(envelope: &Envelope<'_>) -> u32 {
    count(envelope, DELIVERIES)
}

fn count(envelope: &Envelope<'_>, header: &str) -> u32 {
    envelope.headers.get(header).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

fn time(envelope: &Envelope<'_>, header: &str) -> Result<Option<Timestamp>, String> {
    match envelope.headers.get(header) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(Timestamp::parse) {
            Some(time) => Ok(Some(time)),
            None => Err(format!("the header `{header}` is {value}, which is no time in ISO 8601")),
        },
    }
}

/// Reads the soft limit, which is the second of the two, or else the hard one. A Python worker ends its process at the hard
/// limit; here a call is given up at either.
fn soft_time_limit(envelope: &Envelope<'_>) -> Result<Option<Duration>, String> {
    let limits = envelope.headers.get("timelimit");
    let limit = |index: usize| limits.and_then(|limits| limits.get(index)).filter(|limit| !limit.is_null());
    match limit(1).or_else(|| limit(0)) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().map(Duration::try_from_secs_f64) {
            Some(Ok(limit)) => Ok(Some(limit)),
            // More seconds than a `Duration` has are for ever.
            Some(Err(_)) if value.as_f64() > Some(0.0) => Ok(None),
            _ => Err(format!("the soft time limit is {value}, which is no number of seconds")),
        },
    }
}

//! The ends of calls, and the ends that a reader sees.

use std::any::Any;
use std::collections::BTreeSet;
use std::thread;

use asynctools::CallError;
use asynctools::TaskError;

use crate::value::Bad;
use crate::value::Boom;
use crate::value::Fail;
use crate::value::Out;

/// How a call may end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    /// With the value that this call made.
    Value(usize),
    /// With the error that this call made.
    Failed(usize),
    /// Without either, after so many edges of the graph.
    Lost(Kind, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Panicked(usize),
    Cancelled,
    Closed,
    Rejected,
    Abandoned,
    /// The system refused a thread for the call, or for the wait.
    Refused,
    Deadlock,
}

pub(crate) type Ends = BTreeSet<End>;

/// The end that a reader sees; `None` stands for what this reader cannot see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Value(usize),
    Failed(usize),
    Lost(Option<Kind>, Option<usize>),
    /// A panic whose payload another reader took.
    Panicked(Option<usize>),
    /// An end that no program intends.
    Odd(String),
}

impl Seen {
    pub(crate) fn is(&self, end: &End) -> bool {
        match (self, end) {
            (Self::Value(a), End::Value(b)) | (Self::Failed(a), End::Failed(b)) => a == b,
            (Self::Lost(kind, hops), End::Lost(as_kind, as_hops)) => {
                kind.is_none_or(|kind| kind == *as_kind) && hops.is_none_or(|hops| hops == *as_hops)
            }
            (Self::Panicked(hops), End::Lost(Kind::Panicked(_), as_hops)) => hops.is_none_or(|hops| hops == *as_hops),
            _ => false,
        }
    }

    /// Whether a wait ended because the system refused a thread that the wait needs.
    pub(crate) fn is_deadlock(&self) -> bool {
        matches!(self, Self::Lost(Some(Kind::Deadlock), _))
    }

    pub(crate) fn is_in(&self, ends: &Ends) -> bool {
        ends.iter().any(|end| self.is(end))
    }
}

pub(crate) fn seen_of_result<E: Fail>(result: thread::Result<Out<E>>) -> Seen {
    match result {
        Ok(Ok(value)) => Seen::Value(value.disarm()),
        Ok(Err(error)) => Seen::Failed(error.origin()),
        Err(payload) => seen_of_payload(payload),
    }
}

pub(crate) fn seen_of_outcome<E: Fail>(outcome: Result<Out<E>, TaskError>) -> Seen {
    match outcome {
        Ok(result) => seen_of_result(Ok(result)),
        Err(error) => seen_of_error(&error),
    }
}

pub(crate) fn seen_of_shared<E: Fail>(outcome: Result<&Out<E>, TaskError>) -> Seen {
    match outcome {
        Ok(Ok(value)) => Seen::Value(value.origin),
        Ok(Err(error)) => Seen::Failed(error.origin()),
        Err(error) => seen_of_error(&error),
    }
}

pub(crate) fn seen_of_call_error(error: CallError<Bad>) -> Seen {
    match error {
        CallError::Failed(error) => Seen::Failed(error.origin()),
        CallError::Lost(error) => seen_of_error(&error),
    }
}

pub(crate) fn seen_of_error(error: &TaskError) -> Seen {
    let hops = match error {
        TaskError::Upstream(upstream) => error.path().count() + upstream.left_out() - 1,
        _ => 0,
    };
    let kind = match error.root() {
        TaskError::Panicked(panic) if panic.message().contains(DEADLOCK) => Kind::Deadlock,
        TaskError::Panicked(panic) => match tag_of_text(panic.message()) {
            Some(tag) => Kind::Panicked(tag),
            None => match panic.take_payload() {
                None => return Seen::Panicked(Some(hops)),
                Some(payload) => match payload.downcast::<Boom>() {
                    Ok(mut boom) => {
                        boom.at_drop.disarm();
                        Kind::Panicked(boom.tag)
                    }
                    Err(_) => return Seen::Odd(format!("a panic of somebody else: {error}")),
                },
            },
        },
        TaskError::Cancelled => Kind::Cancelled,
        TaskError::Closed => Kind::Closed,
        TaskError::Rejected => Kind::Rejected,
        TaskError::Abandoned => Kind::Abandoned,
        TaskError::Spawn(_) => Kind::Refused,
        TaskError::WouldDeadlock(_) => Kind::Deadlock,
        other => return Seen::Odd(format!("an end that nothing explains: {other}")),
    };
    Seen::Lost(Some(kind), Some(hops))
}

pub(crate) fn seen_of_payload(payload: Box<dyn Any + Send>) -> Seen {
    let payload = match payload.downcast::<Boom>() {
        Ok(mut boom) => {
            boom.at_drop.disarm();
            return Seen::Lost(Some(Kind::Panicked(boom.tag)), None);
        }
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(text) => seen_of_text(&text).unwrap_or_else(|| Seen::Odd(format!("a panic of somebody else: {text}"))),
        Err(_) => Seen::Odd("a panic of somebody else".to_owned()),
    }
}

/// The words of a wait that a refused thread ended.
const DEADLOCK: &str = "waiting would deadlock: ";

/// The end that the panic of a `get` tells of.
pub(crate) fn seen_of_text(text: &str) -> Option<Seen> {
    let text = text.split_once(" (+").map_or(text, |(text, _others)| text);
    let kinds = [
        ("cancelled", Kind::Cancelled),
        ("the pool is closed", Kind::Closed),
        ("rejected: the queue of the pool is full", Kind::Rejected),
        ("abandoned: the promise was dropped unset", Kind::Abandoned),
    ];
    if let Some((_, kind)) = kinds.into_iter().find(|(end, _)| text.ends_with(end)) {
        return Some(Seen::Lost(Some(kind), None));
    }
    if text.contains(DEADLOCK) {
        return Some(Seen::Lost(Some(Kind::Deadlock), None));
    }
    if text.contains(": no thread: ") {
        return Some(Seen::Lost(Some(Kind::Refused), None));
    }
    if text.ends_with("panicked: Box<dyn Any>") {
        return Some(Seen::Panicked(None));
    }
    tag_of_text(text).map(|tag| Seen::Lost(Some(Kind::Panicked(tag)), None))
}

fn tag_of_text(text: &str) -> Option<usize> {
    text.rsplit_once("boom ")?.1.parse().ok()
}

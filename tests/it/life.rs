//! Values that have not ended, and all the ways to end them.

use std::any::Any;
use std::panic::panic_any;
use std::thread;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;

use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Token;
use crate::helpers::until;

#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Complete,
    Set,
    Panic,
    Cancel,
    Close,
    Abandon,
}

pub(crate) const ENDS: [End; 6] = [End::Complete, End::Set, End::Panic, End::Cancel, End::Close, End::Abandon];

impl End {
    pub(crate) fn is_lost(self) -> bool {
        !matches!(self, Self::Complete | Self::Set)
    }
}

struct Payload {
    _token: Token,
}

/// A value that has not ended, and a closure that ends the value for certain. One token is the result, payload or argument; the
/// end drops the token if no reader gets it.
pub(crate) struct Life {
    pub(crate) value: AsyncValue<Token>,
    pub(crate) end: Box<dyn FnOnce() + Send>,
    pub(crate) drops: DropCounter,
}

pub(crate) fn live(end: End) -> Life {
    let drops = DropCounter::new();
    let (token, gate) = (drops.token(), Gate::new());
    let at_gate = gate.clone();
    let pool = Pool::new(usize::from(matches!(end, End::Complete | End::Panic)));
    let (value, end): (_, Box<dyn FnOnce() + Send>) = match end {
        End::Set => {
            let (promise, value) = AsyncValue::promise();
            (value, Box::new(move || promise.set(token)))
        }
        End::Abandon => {
            let (promise, value) = AsyncValue::promise();
            (value, Box::new(move || drop((promise, token))))
        }
        End::Complete | End::Panic => {
            let panics = matches!(end, End::Panic);
            let value = pool.spawn(move || {
                at_gate.pass();
                if panics {
                    panic_any(Payload { _token: token });
                }
                token
            });
            // The drop of the pool waits for the call.
            let end = move || {
                gate.open();
                drop(pool);
            };
            (value, Box::new(end))
        }
        End::Cancel => {
            let value = pool.spawn(move || token);
            (value, Box::new(move || assert_eq!(pool.cancel_queued(), 1)))
        }
        End::Close => {
            let value = pool.spawn(move || token);
            (value, Box::new(move || pool.close()))
        }
    };
    Life { value, end, drops }
}

/// The end that a reader sees.
pub(crate) enum Seen {
    Outcome(Result<Token, TaskError>),
    Got(thread::Result<Token>),
    Nothing,
}

pub(crate) fn check(end: End, seen: Seen) {
    match (end, seen) {
        (_, Seen::Nothing)
        | (End::Complete | End::Set, Seen::Outcome(Ok(_)) | Seen::Got(Ok(_)))
        | (End::Cancel, Seen::Outcome(Err(TaskError::Cancelled)))
        | (End::Close, Seen::Outcome(Err(TaskError::Closed)))
        | (End::Abandon, Seen::Outcome(Err(TaskError::Abandoned))) => {}
        (End::Panic, Seen::Outcome(Err(TaskError::Panicked(panic)))) => {
            assert!(panic.take_payload().is_some_and(|payload| payload.is::<Payload>()), "not the payload of the call");
        }
        (End::Panic, Seen::Got(Err(payload))) => assert!(payload.is::<Payload>(), "not the payload of the call"),
        (End::Cancel, Seen::Got(Err(payload))) => check_text(&*payload, &["spawn (", "life.rs:", "cancelled"]),
        (End::Close, Seen::Got(Err(payload))) => check_text(&*payload, &["spawn (", "life.rs:", "closed"]),
        (End::Abandon, Seen::Got(Err(payload))) => check_text(&*payload, &["promise (", "life.rs:", "abandoned"]),
        (end, Seen::Outcome(outcome)) => panic!("{end:?} was seen as {:?}", outcome.err()),
        (end, Seen::Got(Ok(_))) => panic!("{end:?} gave a value"),
        (end, Seen::Got(Err(_))) => panic!("{end:?} panicked"),
    }
}

fn check_text(payload: &(dyn Any + Send), parts: &[&str]) {
    let text = payload.downcast_ref::<String>().expect("a message");
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

/// Waits until the token is dropped, once the reader is done.
pub(crate) fn check_drops(end: End, drops: &DropCounter) {
    until("the token is dropped", || drops.count() > 0);
    assert_eq!(drops.count(), 1, "{end:?}: dropped more than once");
}

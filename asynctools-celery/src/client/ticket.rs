//! The place of one call, by which its caller can cancel it.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::client::call::Call;
use crate::client::engine::Engine;
use crate::client::outbox::Queued;
use crate::client::pending::finish;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::store::Answer;

/// The place of one call. The owner can cancel the call.
///
/// # Examples
///
/// ```
/// use std::sync::mpsc;
///
/// use asynctools_celery::{App, Call, RemoteErrorKind, TaskOptions};
///
/// let app = App::builder().broker("redis://127.0.0.1:6379/0").build().unwrap();
/// let ticket = app.ticket();
/// assert!(ticket.task_id().is_some());
/// // The program cancels before it sends.
/// assert!(!ticket.cancel());
///
/// let (sender, ends) = mpsc::channel();
/// let call = Call::new("numbers.add", TaskOptions::DEFAULT, (1, 2));
/// ticket.send(call, move |answer| sender.send(answer.into_value::<i64>()).unwrap());
/// assert_eq!(ends.recv().unwrap().unwrap_err().kind, RemoteErrorKind::Cancelled);
/// ```
pub struct Ticket {
    engine: Engine,
    /// The number of the call, with [`SENT`] and [`CANCELLED`]: one word, since each waiting handle has a ticket.
    state: AtomicU64,
}

/// Somebody has sent the call of the ticket.
const SENT: u64 = 1 << 63;
/// Somebody has cancelled the call.
const CANCELLED: u64 = 1 << 62;

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("number", &self.number()).finish_non_exhaustive()
    }
}

impl Ticket {
    pub(crate) fn new(engine: Engine, number: u64) -> Self {
        Self { engine, state: AtomicU64::new(number) }
    }

    fn number(&self) -> u64 {
        self.state.load(Ordering::Relaxed) & !(SENT | CANCELLED)
    }

    /// Returns the id of the call; `None` for an engine of this process.
    #[must_use]
    pub fn task_id(&self) -> Option<String> {
        match &self.engine {
            Engine::Remote(owner) => Some(owner.0.ids.text(self.number())),
            Engine::Local(_) => None,
        }
    }

    /// Sends the call of this place, as [`App::send`](crate::App::send) does. A ticket is good for one call: a second one ends as
    /// [`Broker`](RemoteErrorKind::Broker).
    pub fn send(&self, call: Call, done: impl FnOnce(Answer) + Send + 'static) {
        let done = Box::new(done);
        if self.state.fetch_or(SENT, Ordering::SeqCst) & SENT != 0 {
            let why = "the call of this ticket was sent before; take a ticket for each call";
            return finish(done, RemoteError::new(RemoteErrorKind::Broker, why).into());
        }
        let owner = match &self.engine {
            Engine::Remote(owner) => owner,
            Engine::Local(engine) => return engine(call, done),
        };
        match owner.begun() {
            Ok(client) => {
                // It waits for its result from now on, so that its time runs and it can be revoked before it is sent.
                client.pending.insert(self.number(), done, call.options.result_timeout);
                // Before this, `cancel` finds it nowhere; after this, it finds it among the pending calls.
                if self.state.load(Ordering::SeqCst) & CANCELLED != 0 {
                    client.pending.end(self.number(), Self::unsent(), false);
                    return;
                }
                client.outbox.push(Queued { number: self.number(), call });
            }
            Err(error) => finish(done, error.into()),
        }
    }

    /// Ends the call as [`Cancelled`](RemoteErrorKind::Cancelled) if it waits to be sent. Returns `false` for a call that was
    /// sent: workers are told not to begin it, and it ends as [`Revoked`](RemoteErrorKind::Revoked) unless it runs already. Before
    /// [`send`](Self::send) it returns `false` too, and the call that the ticket then sends ends as `Cancelled`.
    pub fn cancel(&self) -> bool {
        let Engine::Remote(owner) = &self.engine else { return false };
        self.state.fetch_or(CANCELLED, Ordering::SeqCst);
        let Some(_queued) = owner.0.outbox.take_back(self.number()) else {
            owner.0.pending.revoke(self.number());
            return false;
        };
        owner.0.pending.end(self.number(), Self::unsent(), false)
    }

    /// Returns the end of a call that is not sent any more.
    fn unsent() -> Answer {
        RemoteError::new(RemoteErrorKind::Cancelled, "cancelled before it was sent").into()
    }
}

//! `Client`: the state that the threads of a client share.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::broker::address::Address;
use crate::broker::connection::BrokerError;
use crate::broker::keys::Keys;
use crate::client::outbox::Outbox;
use crate::client::pending::Ids;
use crate::client::pending::Pending;

/// How long the sender waits for the listener to listen.
const LISTENED: Duration = Duration::from_secs(6);

/// The state that the three threads of a client share.
pub(crate) struct Client {
    pub(crate) broker: Address,
    pub(crate) backend: Address,
    pub(crate) keys: Keys,
    pub(crate) ids: Ids,
    pub(crate) pending: Pending,
    pub(crate) outbox: Outbox,
    pub(crate) log_args: bool,
    pub(crate) origin: String,
    pub(crate) process: u32,
    pub(crate) begun: Once,
    /// Whether the listener has listened, or why not.
    pub(crate) listening: Mutex<Option<Result<(), BrokerError>>>,
    pub(crate) listened: Condvar,
}

impl Client {
    /// Says how an attempt to listen went. The first success counts for good: the sweeper looks up the results of later gaps.
    pub(crate) fn listening(&self, result: Result<(), BrokerError>) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*listening, Some(Ok(()))) {
            *listening = Some(result);
        }
        self.listened.notify_all();
    }

    /// Blocks until results are heard, before the first call is sent.
    pub(crate) fn heard(&self) -> Result<(), BrokerError> {
        let end = Instant::now() + LISTENED;
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = listening.clone() {
                // An older failure says nothing about the next attempt.
                if result.is_err() {
                    *listening = None;
                }
                return result;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(BrokerError::Gone("the result backend does not answer".to_owned()));
            }
            listening = self.listened.wait_timeout(listening, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

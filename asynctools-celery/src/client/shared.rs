//! `Client`: the state that the threads of a client share.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::OnceLock;
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
    /// Whether the threads have started, or why not.
    pub(crate) begun: OnceLock<Result<(), String>>,
    pub(crate) listening: Mutex<Listening>,
    pub(crate) listened: Condvar,
}

/// Whether the listener has listened, or why not.
#[derive(Default)]
pub(crate) struct Listening {
    /// The end of the last attempt. A failure counts once: it says nothing about the next attempt.
    attempt: Option<Result<(), BrokerError>>,
    /// Why the last attempt that failed did.
    failure: Option<BrokerError>,
}

impl Listening {
    /// Takes in how an attempt went. The first success counts for good: the sweeper looks up the results of later gaps.
    fn attempted(&mut self, result: Result<(), BrokerError>) {
        if matches!(self.attempt, Some(Ok(()))) {
            return;
        }
        if let Err(failure) = &result {
            self.failure = Some(failure.clone());
        }
        self.attempt = Some(result);
    }

    fn take(&mut self) -> Option<Result<(), BrokerError>> {
        if matches!(self.attempt, Some(Ok(()))) { Some(Ok(())) } else { self.attempt.take() }
    }

    /// Returns the error of a wait in which no attempt ended: an earlier failure most likely says why.
    fn overdue(&self) -> BrokerError {
        let silent = || BrokerError::Gone("the result backend does not answer".to_owned());
        self.failure.clone().unwrap_or_else(silent)
    }
}

impl Client {
    /// Says how an attempt to listen went.
    pub(crate) fn listening(&self, result: Result<(), BrokerError>) {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).attempted(result);
        self.listened.notify_all();
    }

    /// Blocks until results are heard, before the first call is sent.
    pub(crate) fn heard(&self) -> Result<(), BrokerError> {
        let end = Instant::now() + LISTENED;
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = listening.take() {
                return result;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(listening.overdue());
            }
            listening = self.listened.wait_timeout(listening, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::broker::connection::BrokerError;
    use crate::client::shared::Listening;

    fn gone(why: &str) -> BrokerError {
        BrokerError::Gone(why.to_owned())
    }

    #[test]
    fn a_failure_counts_once_and_is_remembered_as_the_reason() {
        let mut listening = Listening::default();
        assert!(listening.take().is_none());
        assert_eq!(listening.overdue().to_string(), "the broker cannot be reached: the result backend does not answer");
        listening.attempted(Err(gone("no certificate")));
        assert!(matches!(listening.take(), Some(Err(BrokerError::Gone(why))) if why == "no certificate"));
        assert!(listening.take().is_none(), "it says nothing about the next attempt");
        assert_eq!(listening.overdue().to_string(), "the broker cannot be reached: no certificate");
    }

    #[test]
    fn a_success_counts_for_good() {
        let mut listening = Listening::default();
        listening.attempted(Ok(()));
        listening.attempted(Err(gone("a later gap")));
        assert!(matches!(listening.take(), Some(Ok(()))));
        assert!(matches!(listening.take(), Some(Ok(()))));
    }
}

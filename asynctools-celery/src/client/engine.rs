//! The engine of a client: threads that send and hear, or an engine of this process.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use crate::client::call::Call;
use crate::client::call::Done;
use crate::client::listener;
use crate::client::outbox;
use crate::client::sender;
use crate::client::shared::Client;
use crate::client::sweeper;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;

/// Starts the threads of a client, once. Without one of them no call would end, so the client sends none.
fn begin(client: &Arc<Client>) -> Result<(), RemoteError> {
    let begun = client.begun.get_or_init(|| start(client, |name, run| thread::Builder::new().name(name).spawn(run)));
    begun.clone().map_err(|why| RemoteError::new(RemoteErrorKind::Broker, why))
}

/// Starts the threads of a client by `spawn`. The error says what was refused.
pub(crate) fn start<T>(
    client: &Arc<Client>,
    mut spawn: impl FnMut(String, Box<dyn FnOnce() + Send>) -> io::Result<T>,
) -> Result<(), String> {
    let threads: [(_, fn(&Client)); 3] =
        [("celery-listen", listener::run), ("celery-sweep", sweeper::run), ("celery-send", sender::run)];
    for (name, run) in threads {
        let own = client.clone();
        let run = move || {
            outbox::never_waits();
            run(&own);
        };
        if let Err(error) = spawn(name.to_owned(), Box::new(run)) {
            client.outbox.close();
            client.pending.close();
            return Err(format!("the system refused the client its thread `{name}`: {error}; make another client"));
        }
    }
    Ok(())
}

/// The engine that runs the calls of a client.
#[derive(Clone)]
pub(crate) enum Engine {
    Remote(Arc<Owner>),
    /// An engine of this process.
    Local(Arc<dyn Fn(Call, Done) + Send + Sync>),
}

/// Closes the client with its last owner.
pub(crate) struct Owner(pub(crate) Arc<Client>);

impl Owner {
    /// Returns the client, or an error in a process that was forked after the client was made: the threads of the client are
    /// in the other process, which also uses the same ids.
    pub(crate) fn client(&self) -> Result<&Arc<Client>, RemoteError> {
        if process::id() == self.0.process {
            return Ok(&self.0);
        }
        let why = "the client was made before a fork, so its ids are another process's; make a client after it";
        Err(RemoteError::new(RemoteErrorKind::Broker, why))
    }

    /// Returns the client with its threads started.
    pub(crate) fn begun(&self) -> Result<&Arc<Client>, RemoteError> {
        let client = self.client()?;
        begin(client)?;
        Ok(client)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // The sender closes the rest when it has sent what is queued; the other threads end with the last call that waits.
        self.0.outbox.close();
    }
}

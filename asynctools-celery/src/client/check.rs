//! A look at a queue: what waits there, and which workers answer.

use std::collections::BTreeSet;

use redis::Value;

use crate::broker::ask::ask;
use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::client::shared::Client;

/// A queue as [`App::check`](crate::App::check) finds it.
///
/// # Examples
///
/// ```
/// let check = asynctools_celery::QueueCheck::default();
/// assert!(check.waiting == 0 && check.workers.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueCheck {
    /// How many messages wait in the queue.
    pub waiting: usize,
    /// The names of the workers of the broker that answered within a second. They may serve other queues.
    pub workers: BTreeSet<String>,
}

pub(crate) fn check(client: &Client, queue: &str) -> Result<QueueCheck, BrokerError> {
    let mut connection = client.broker.open()?;
    let mut check = QueueCheck::default();
    let mut commands = Commands::default();
    for list in client.keys.lists(queue) {
        commands.add(&[b"LLEN", list.as_bytes()]);
    }
    for length in connection.send(&commands)? {
        if let Value::Int(length) = length? {
            check.waiting += usize::try_from(length).unwrap_or(0);
        }
    }
    let id = client.ids.text(client.ids.next());
    let answers = ask(&mut connection, &client.keys, client.broker.database, &id, "ping")?;
    check.workers = answers.into_iter().map(|(name, _)| name).collect();
    Ok(check)
}

//! A look at a queue: what waits there, and which workers answer.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use redis::Value;
use serde_json::Map;
use serde_json::json;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::broker::connection::bytes;
use crate::broker::connection::list;
use crate::broker::keys;
use crate::client::shared::Client;
use crate::wire::envelope::Envelope;

/// How long workers may take to answer.
const ANSWERS: Duration = Duration::from_secs(1);

/// The exchange of replies, and the key that says where they go.
const EXCHANGE: &str = "reply.celery.pidbox";
const BINDINGS: &str = "_kombu.binding.reply.celery.pidbox";

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
    let id = client.ids.text(client.ids.next());
    let replies = format!("{id}.{EXCHANGE}");
    // A Python worker looks there for the list that a reply goes to.
    let binding = [id.as_str(), "", replies.as_str()].join(keys::STEP);
    let reply_to = json!({"exchange": EXCHANGE, "routing_key": id});
    let command = json!({"method": "ping", "arguments": {}, "destination": null, "ticket": id, "reply_to": reply_to});
    let message = Envelope::reply(&command.to_string(), Map::new(), "celery.pidbox", "", &id).write();
    let mut commands = Commands::default();
    for list in keys::lists(queue) {
        commands.add(&[b"LLEN", list.as_bytes()]);
    }
    commands.add(&[b"SADD", BINDINGS.as_bytes(), binding.as_bytes()]);
    commands.add(&[b"PUBLISH", keys::control(client.broker.database).as_bytes(), &message]);
    let lists = keys::lists(queue).count();
    for length in connection.send(&commands)?.into_iter().take(lists) {
        if let Value::Int(length) = length? {
            check.waiting += usize::try_from(length).unwrap_or(0);
        }
    }
    let end = Instant::now() + ANSWERS;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(10) {
            break;
        }
        let wait = format!("{:.3}", left.as_secs_f64());
        let reply = list(connection.call(&[b"BLPOP", replies.as_bytes(), wait.as_bytes()])?).into_iter().nth(1);
        let Some(reply) = reply.and_then(bytes) else { break };
        let body = Envelope::read(&reply).and_then(|envelope| envelope.body()).unwrap_or_default();
        let workers: Map<String, serde_json::Value> = serde_json::from_str(&body).unwrap_or_default();
        check.workers.extend(workers.into_iter().map(|(name, _)| name));
    }
    connection.call(&[b"SREM", BINDINGS.as_bytes(), binding.as_bytes()])?;
    Ok(check)
}

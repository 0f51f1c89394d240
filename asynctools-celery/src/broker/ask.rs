//! A question of remote control to all workers of a broker.

use std::time::Duration;
use std::time::Instant;

use redis::Value;
use serde_json::Map;
use serde_json::json;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::broker::connection::Connection;
use crate::broker::connection::bytes;
use crate::broker::connection::list;
use crate::broker::keys;
use crate::broker::keys::Keys;
use crate::wire::envelope::Envelope;

/// How long workers may take to answer.
const ANSWERS: Duration = Duration::from_secs(1);

/// The exchange of replies, and the key that says where they go.
const EXCHANGE: &str = "reply.celery.pidbox";
const BINDINGS: &str = "_kombu.binding.reply.celery.pidbox";

/// Returns the answers of all workers by their names. Blocks until each worker has answered, for at most a second. The
/// `id` belongs to this question alone.
pub(crate) fn ask(
    connection: &mut Connection,
    keys: &Keys,
    database: i64,
    id: &str,
    method: &str,
) -> Result<Map<String, serde_json::Value>, BrokerError> {
    let end = Instant::now() + ANSWERS;
    let replies = format!("{id}.{EXCHANGE}");
    // A Python worker looks there for the list that a reply goes to.
    let (bindings, binding) = (keys.of(BINDINGS), [id, "", replies.as_str()].join(keys::STEP));
    let replies = keys.of(&replies);
    let reply_to = json!({"exchange": EXCHANGE, "routing_key": id});
    let command = json!({"method": method, "arguments": {}, "destination": null, "ticket": id, "reply_to": reply_to});
    let message = Envelope::reply(&command.to_string(), Map::new(), "celery.pidbox", "", id).write();
    let mut commands = Commands::default();
    commands.add(&[b"SADD", bindings.as_bytes(), binding.as_bytes()]);
    commands.add(&[b"PUBLISH", keys.control(database).as_bytes(), &message]);
    let told = connection.send(&commands)?.pop().expect("a command has an answer")?;
    let told = if let Value::Int(told) = told { told } else { 0 };
    let mut answers = Map::new();
    for _ in 0..told {
        let left = end.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(10) {
            break;
        }
        let wait = format!("{:.3}", left.as_secs_f64());
        let reply = list(connection.call(&[b"BLPOP", replies.as_bytes(), wait.as_bytes()])?).into_iter().nth(1);
        let Some(reply) = reply.and_then(bytes) else { break };
        let body = Envelope::read(&reply).and_then(|envelope| envelope.body()).unwrap_or_default();
        let workers: Map<String, serde_json::Value> = serde_json::from_str(&body).unwrap_or_default();
        answers.extend(workers);
    }
    connection.call(&[b"SREM", bindings.as_bytes(), binding.as_bytes()])?;
    Ok(answers)
}

//! Remote control: the commands of `celery inspect` and `celery control`. A worker knows `ping`, `active`, `conf` and
//! `revoke`; it answers any other command with an error.

use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::broker::connection::Heard;
use crate::broker::connection::Next;
use crate::store::About;
use crate::wire::envelope::Envelope;
use crate::worker::end::End;
use crate::worker::end::celery;
use crate::worker::shared::Running;
use crate::worker::shared::Shared;

/// After a silence of this length the worker asks the server for a sign of life.
const SILENCE: Duration = Duration::from_secs(30);

/// How long an unread reply stays, in seconds.
const EXPIRE: &[u8] = b"10";

#[derive(Deserialize)]
struct Command {
    method: String,
    #[serde(default)]
    arguments: Value,
    #[serde(default)]
    destination: Option<Vec<String>>,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    ticket: Option<String>,
    #[serde(default)]
    reply_to: Option<ReplyTo>,
}

#[derive(Deserialize)]
struct ReplyTo {
    exchange: String,
    routing_key: String,
}

/// Answers until the worker stops.
pub(crate) fn run(shared: &Arc<Shared>) {
    while !shared.lock().stopping() {
        if let Err(error) = listen(shared) {
            eprintln!("asynctools-celery: remote control: {error}");
            thread::sleep(Duration::from_secs(1));
        }
    }
}

fn listen(shared: &Shared) -> Result<(), BrokerError> {
    let topic = shared.config.keys.control(shared.config.broker.database);
    shared.config.broker.open()?.listen(
        &topic,
        SILENCE,
        || {},
        |heard| {
            if shared.lock().stopping() {
                return Next::End;
            }
            let Heard::Message { payload, .. } = heard else { return Next::Ask };
            if let Err(error) = answer(shared, payload) {
                eprintln!("asynctools-celery: a reply of remote control is lost: {error}");
            }
            Next::Listen
        },
    )
}

fn answer(shared: &Shared, message: &[u8]) -> Result<(), BrokerError> {
    let read = Envelope::read(message).and_then(|envelope| envelope.body());
    let Some(command) = read.ok().and_then(|body| serde_json::from_str::<Command>(&body).ok()) else { return Ok(()) };
    let name = &shared.config.name;
    let for_us = match (&command.destination, &command.pattern) {
        (Some(names), _) if !names.is_empty() => names.contains(name),
        // A pattern is a condition that this worker cannot check, so it does not claim to fulfil it.
        (_, Some(_)) => false,
        _ => true,
    };
    if !for_us {
        return Ok(());
    }
    let value = match command.method.as_str() {
        "ping" => json!({"ok": "pong"}),
        "active" => active(shared),
        "conf" => conf(shared),
        "revoke" => revoke(shared, &command.arguments)?,
        other => json!({"error": format!("this worker does not know the command `{other}`")}),
    };
    let Some(reply_to) = command.reply_to else { return Ok(()) };
    let mut headers = Map::new();
    headers.insert("ticket".to_owned(), Value::from(command.ticket));
    headers.insert("clock".to_owned(), Value::from(1));
    let body = json!({ name: value }).to_string();
    let list = shared.config.keys.of(&format!("{}.{}", reply_to.routing_key, reply_to.exchange));
    let reply = Envelope::reply(&body, headers, &reply_to.exchange, &reply_to.routing_key, &shared.tag(0));
    let mut commands = Commands::default();
    commands.add(&[b"LPUSH", list.as_bytes(), &reply.write()]);
    commands.add(&[b"EXPIRE", list.as_bytes(), EXPIRE]);
    let mut link = shared.link()?;
    link.broker.send(&commands)?.into_iter().try_for_each(|reply| reply.map(drop))?;
    shared.keep(link);
    Ok(())
}

/// Marks calls as revoked: this worker does not begin these calls. A revoked call without a stored state ends at once,
/// since perhaps no worker ever sees the message. Running calls go on: nothing can end a thread from outside.
fn revoke(shared: &Shared, arguments: &Value) -> Result<Value, BrokerError> {
    let ids: Vec<String> = match arguments.get("task_id") {
        Some(Value::String(id)) => vec![id.clone()],
        Some(Value::Array(ids)) => ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let waiting = shared.revoke(&ids);
    shared.ask(|link| {
        link.note_revoked(&ids)?;
        // A worker that has taken the message hears of the revocation too, and knows whether the call runs. A worker that
        // takes the message from now on finds the note.
        let elsewhere = link.taken_elsewhere(&waiting, &shared.config.name)?;
        waiting.iter().filter(|id| !elsewhere.contains(*id)).try_for_each(|id| {
            let end = End::Revoked(celery("TaskRevokedError", "revoked"));
            link.revoke(id, &end.text(&About { task_id: id, ..About::default() }))
        })
    })?;
    let terminate = arguments.get("terminate").and_then(Value::as_bool).unwrap_or(false);
    let but = if terminate { ", but not terminated: a thread cannot be ended from outside" } else { "" };
    Ok(json!({"ok": format!("tasks {ids:?} flagged as revoked{but}")}))
}

/// Returns the settings that must be the same for all workers.
fn conf(shared: &Shared) -> Value {
    let timeout = shared.config.visibility_timeout.as_secs_f64();
    json!({"broker_transport_options": {"visibility_timeout": timeout}})
}

fn active(shared: &Shared) -> Value {
    let running: Vec<_> = shared.lock().running.values().cloned().collect();
    running.iter().map(|running| describe(shared, running)).collect()
}

fn describe(shared: &Shared, running: &Running) -> Value {
    let since = running.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    json!({
        "id": running.request.id,
        "name": running.request.task,
        "args": [],
        "kwargs": {},
        "type": running.request.task,
        "hostname": shared.config.name,
        "time_start": since,
        "acknowledged": running.acknowledged,
        "delivery_info": {"exchange": "", "routing_key": shared.config.keys.queue(&running.list)},
        "worker_pid": std::process::id(),
    })
}

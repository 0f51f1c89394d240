//! The thread that looks up what was not heard, deletes what was delivered, and ends calls whose time is over.

use std::time::Duration;
use std::time::Instant;

use serde_json::Map;
use serde_json::json;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::broker::connection::Connection;
use crate::broker::connection::bytes;
use crate::broker::connection::list;
use crate::broker::scripts;
use crate::client::pending::Step;
use crate::client::shared::Client;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::store;
use crate::wire::envelope::Envelope;

/// How many keys go into one command at most.
const KEYS: usize = 500;

/// How long the backend may take to answer for the first time, before a wait for a call of another client ends.
const REACHED: Duration = Duration::from_secs(30);

/// Sweeps until the client is closed and nothing waits.
pub(crate) fn run(client: &Client) {
    let mut connection = None;
    let (mut reached, mut since) = (false, None);
    let key = |number: &u64| client.keys.result(&client.ids.text(*number));
    loop {
        match client.pending.next_step(&client.ids) {
            Step::End => {
                // The listener hears this and ends too, instead of after its silence.
                let topic = client.keys.result(&client.ids.text(0));
                let _ = ask(client, &mut connection, b"PUBLISH", [topic, String::new()].into_iter());
                return;
            }
            Step::Sweep(numbers) => {
                // The next sweep finds the results that a broken connection did not.
                let answers =
                    numbers.chunks(KEYS).map(|numbers| ask(client, &mut connection, b"MGET", numbers.iter().map(key)));
                for values in answers.collect::<Vec<_>>().into_iter().zip(numbers.chunks(KEYS)) {
                    if let (Ok(values), numbers) = values {
                        found(client, numbers, values);
                    }
                }
            }
            Step::Look(ids) => {
                let keys = ids.iter().map(|id| client.keys.result(id));
                match ask(client, &mut connection, b"MGET", keys) {
                    Ok(values) => {
                        reached = true;
                        for (id, value) in ids.iter().zip(list(values)) {
                            if let Some(answer) = bytes(value).and_then(|text| store::read(id, &text)) {
                                client.pending.end_attached(id, answer);
                            }
                        }
                    }
                    // As for calls that are to be sent: there is no such backend.
                    Err(error) if !reached && since.get_or_insert_with(Instant::now).elapsed() > REACHED => {
                        for id in &ids {
                            let error = RemoteError::new(RemoteErrorKind::Broker, error.to_string());
                            client.pending.end_attached(id, error.with_task_id(id.as_str()).into());
                        }
                    }
                    // A broken connection is tried anew at the next look.
                    Err(_) => {}
                }
            }
            Step::Revoke(numbers) => {
                // Workers that do not hear of it run the calls, as if they were not cancelled.
                let _ = revoke(client, &numbers);
            }
            Step::Delete(numbers) => {
                for numbers in numbers.chunks(KEYS) {
                    // A result that is not deleted goes when its time to live is over.
                    let _ = ask(client, &mut connection, b"UNLINK", numbers.iter().map(key));
                }
            }
        }
    }
}

fn ask(
    client: &Client,
    connection: &mut Option<Connection>,
    command: &[u8],
    keys: impl ExactSizeIterator<Item = String>,
) -> Result<redis::Value, BrokerError> {
    let mut commands = Commands::default();
    commands.begin(keys.len() + 1);
    commands.part(command);
    for key in keys {
        commands.part(key.as_bytes());
    }
    let mut open = match connection.take() {
        Some(open) => open,
        None => client.backend.open()?,
    };
    let reply = open.send(&commands)?.pop().expect("a command has an answer");
    *connection = Some(open);
    reply
}

/// Tells all workers not to begin these calls, also those workers that start later.
fn revoke(client: &Client, numbers: &[u64]) -> Result<(), BrokerError> {
    let ids: Vec<_> = numbers.iter().map(|number| client.ids.text(*number)).collect();
    let tag = ids.first().map(String::as_str).unwrap_or_default();
    let command = json!({"method": "revoke", "arguments": {"task_id": &ids}, "destination": null});
    let message = Envelope::reply(&command.to_string(), Map::new(), "celery.pidbox", "", tag).write();
    let topic = client.keys.control(client.broker.database);
    let mut commands = Commands::default();
    scripts::note_revoked(&mut commands, &client.keys.revoked, &ids);
    commands.add(&[b"PUBLISH", topic.as_bytes(), &message]);
    client.broker.open()?.send(&commands)?.into_iter().try_for_each(|reply| reply.map(drop))
}

fn found(client: &Client, numbers: &[u64], values: redis::Value) {
    for (number, value) in numbers.iter().zip(list(values)) {
        let id = client.ids.text(*number);
        if let Some(answer) = bytes(value).and_then(|text| store::read(&id, &text)) {
            client.pending.end(*number, answer, true);
        }
    }
}

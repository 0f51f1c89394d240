//! The thread that writes calls as messages and sends what has gathered in one go.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use crate::broker::connection::BrokerError;
use crate::broker::connection::Commands;
use crate::broker::connection::Connection;
use crate::broker::connection::Reply;
use crate::client::call::survive;
use crate::client::outbox::Queued;
use crate::client::shared::Client;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::store::Answer;
use crate::wire::envelope::NewCall;
use crate::wire::time::Timestamp;

/// A batch of more bytes goes in several parts.
const LARGE: usize = 1 << 20;

/// The waits between the attempts to reach the broker.
const ATTEMPTS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
    Duration::from_secs(3),
];

/// Sends until the client is closed, and then lets the other threads end with the last call.
pub(crate) fn run(client: &Client) {
    let mut connection = None;
    while let Some(mut batch) = client.outbox.take() {
        while !batch.is_empty() {
            let behind = client.outbox.len();
            if let Err(error) = send_part(client, &mut connection, &mut batch) {
                // These calls have waited during all attempts, so nobody makes as many attempts for them again.
                batch.extend(client.outbox.take_first(behind));
                for Queued { number, call } in batch.drain(..) {
                    fail(client, number, &error);
                    survive(|| drop(call));
                }
            }
        }
    }
    client.pending.close();
}

/// Sends the first calls of a batch: all, or as many as fill a megabyte. `Err` where nobody reaches the broker.
fn send_part(
    client: &Client,
    connection: &mut Option<Connection>,
    batch: &mut VecDeque<Queued>,
) -> Result<(), BrokerError> {
    let mut commands = Commands::default();
    let mut sent = Vec::new();
    while commands.len() < LARGE {
        let Some(queued) = batch.pop_front() else { break };
        if let Some(number) = prepare(client, queued, &mut commands) {
            sent.push(number);
        }
    }
    if commands.is_empty() {
        return Ok(());
    }
    let replies = reach(client, connection, &commands)
        .inspect_err(|error| sent.iter().for_each(|(number, _)| fail(client, *number, error)))?;
    for ((number, ends), reply) in sent.into_iter().zip(replies) {
        match reply {
            Err(error) => fail(client, number, &error),
            Ok(_) if ends => {
                client.pending.end(number, Answer::of_json("null".to_owned()), false);
            }
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Ends a call that the broker has not got.
fn fail(client: &Client, number: u64, error: &BrokerError) {
    let error = RemoteError::new(RemoteErrorKind::Broker, error.to_string());
    client.pending.end(number, error.with_task_id(client.ids.text(number)).into(), false);
}

/// Writes the message of a call, unless the call has ended. A call without a message ends here. Returns the number of the
/// call, and whether it ends when it is sent, since it has no result.
fn prepare(client: &Client, queued: Queued, commands: &mut Commands) -> Option<(u64, bool)> {
    let Queued { number, mut call } = queued;
    if !client.pending.waits(number) {
        survive(|| drop(call));
        return None;
    }
    let id = client.ids.text(number);
    let args = match call.write() {
        Ok(args) => args,
        Err(why) => {
            let error = RemoteError::new(RemoteErrorKind::BadArguments, why);
            client.pending.end(number, error.with_task_id(id).into(), false);
            return None;
        }
    };
    let options = call.options;
    let after = |duration: Duration| Timestamp::after(duration).to_string();
    let headers: Vec<_> =
        options.headers.into_iter().filter(|(name, _)| !NewCall::HEADERS.contains(&name.as_str())).collect();
    let message = NewCall {
        id: &id,
        task: &call.task,
        args: &args,
        queue: &options.queue,
        priority: options.priority,
        eta: options.countdown.map(after),
        expires: options.expires.map(after),
        soft_time_limit: options.soft_time_limit.map(|limit| limit.as_secs_f64()),
        ignore_result: options.ignore_result,
        log_args: client.log_args,
        origin: &client.origin,
        reply_to: &client.ids.prefix,
        headers: &headers,
    };
    let text = message.write();
    commands.add(&[b"LPUSH", client.keys.list(&options.queue, options.priority).as_bytes(), &text]);
    Some((number, options.ignore_result))
}

/// Sends commands, with a new connection where the old one is gone.
fn reach(client: &Client, connection: &mut Option<Connection>, commands: &Commands) -> Result<Vec<Reply>, BrokerError> {
    let mut last = BrokerError::Gone("it was not tried".to_owned());
    for wait in ATTEMPTS {
        if connection.is_none() {
            thread::sleep(wait);
        }
        let open = match connection.take() {
            Some(open) => Ok(open),
            None => client.heard().and_then(|()| client.broker.open()),
        };
        match open.and_then(|mut open| Ok((open.send(commands)?, open))) {
            Ok((replies, open)) => match replies.first() {
                // A server that loads its data, or that is no master any more, takes nothing: another attempt may find it ready.
                Some(Err(error)) if error.is_of_the_server() => last = error.clone(),
                _ => {
                    *connection = Some(open);
                    return Ok(replies);
                }
            },
            Err(error) => last = error,
        }
    }
    Err(last)
}

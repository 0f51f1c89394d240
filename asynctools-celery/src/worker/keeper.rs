//! The thread in charge of messages: reports the messages in work, brings back messages of dead workers, and starts
//! delayed calls.

use std::sync::Arc;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::broker::connection::BrokerError;
use crate::broker::keys::Keys;
use crate::message::request::DELIVERIES;
use crate::message::request::Request;
use crate::message::request::deliveries;
use crate::wire::envelope::Envelope;
use crate::worker::end::End;
use crate::worker::end::celery;
use crate::worker::end::exception;
use crate::worker::entry;
use crate::worker::fetch;
use crate::worker::link::Finish;
use crate::worker::link::Link;
use crate::worker::run;
use crate::worker::shared::Running;
use crate::worker::shared::Shared;

/// How many lost messages are looked at in one step.
const MOST: usize = 100;

/// Keeps until the worker stops.
pub(crate) fn run(shared: &Arc<Shared>) {
    while !shared.lock().stopping() {
        if let Err(error) = keep(shared) {
            eprintln!("asynctools-celery: keeping messages: {error}");
            shared.close_unused();
            thread::sleep(Duration::from_millis(500));
        }
    }
}

fn keep(shared: &Arc<Shared>) -> Result<(), BrokerError> {
    let mut link = shared.link()?;
    let every = shared.config.visibility_timeout / 3;
    let mut next_round = Instant::now();
    loop {
        let mut state = shared.lock();
        if state.stopping() {
            return Ok(());
        }
        let now = Instant::now();
        let (given_up, limit) = state.give_up(now);
        let unsure = state.unsure().to_vec();
        let later = state.ripen().map(|time| now + time.remaining());
        let ready = state.has_ready_and_room(shared.threads.count());
        let held = state.held();
        if given_up.is_empty() && unsure.is_empty() && !ready && now < next_round {
            let next = [limit, later].into_iter().flatten().fold(next_round, Instant::min);
            drop(shared.sooner.wait_timeout(state, next - now).unwrap_or_else(PoisonError::into_inner));
            continue;
        }
        drop(state);
        // All at once, since the end of each may wait for the broker.
        for _ in &given_up {
            shared.threads.grow();
        }
        for (number, running) in given_up {
            give_up_apart(shared, number, running);
        }
        bring_back_unsure(shared, &mut link, &unsure)?;
        shared.end_doubt(&unsure);
        if ready {
            link = fetch::fill(shared, link)?;
        }
        if now >= next_round {
            next_round = now + every;
            let tags: Vec<_> = held.into_iter().map(|number| shared.tag(number)).collect();
            if !tags.is_empty() {
                link.alive(&tags)?;
            }
            bring_back_lost(shared, &mut link)?;
        }
    }
}

/// Ends a call after too long a run, on a thread of its own: the keeper has to go on where no server takes the end.
fn give_up_apart(shared: &Arc<Shared>, number: u64, running: Running) {
    let (own, given_up) = (shared.clone(), running.clone());
    let started =
        thread::Builder::new().name("celery-give-up".to_owned()).spawn(move || give_up(&own, number, given_up));
    if started.is_err() {
        give_up(shared, number, running);
    }
}

/// Ends a call after too long a run. Its thread goes on, and another thread has taken its place.
fn give_up(shared: &Shared, number: u64, running: Running) {
    let Running { request, list, acknowledged, .. } = running;
    let why = "the soft time limit is over; the function goes on and its value is dropped";
    let end = End::Failed(celery("SoftTimeLimitExceeded", why), None);
    let tag = if acknowledged { String::new() } else { shared.tag(number) };
    run::insist(shared, &Finish::stored(tag, end.result(&shared.config, &request, &list, None)));
    shared.forget(number);
    shared.freed.notify_all();
}

/// Puts back the messages taken by a broken connection without an answer.
fn bring_back_unsure(shared: &Shared, link: &mut Link, numbers: &[u64]) -> Result<(), BrokerError> {
    for number in numbers.iter().rev() {
        give_back(link, &shared.config.keys, &shared.tag(*number))?;
    }
    Ok(())
}

/// Puts a message of this worker back to the front of the list.
pub(crate) fn give_back(link: &mut Link, keys: &Keys, tag: &str) -> Result<(), BrokerError> {
    let Some(entry) = link.entry(tag)? else { return Ok(()) };
    let Some((list, mut envelope)) = read(link, keys, &entry)? else { return Ok(()) };
    envelope.mark_redelivered();
    link.restore(tag, -1.0e6, &list, &envelope.write()).map(drop)
}

/// Puts back, or ends, the messages of dead workers.
fn bring_back_lost(shared: &Shared, link: &mut Link) -> Result<(), BrokerError> {
    let timeout = shared.config.visibility_timeout.as_secs_f64();
    loop {
        let lost = link.lost(timeout, MOST)?;
        let all = lost.len() < MOST;
        // The oldest goes last, to the front.
        for (tag, entry) in lost.into_iter().rev() {
            match read(link, &shared.config.keys, &entry)? {
                None => end_unreadable(link, &shared.config.keys, &tag, &entry)?,
                Some((to, envelope)) => bring_back(shared, link, timeout, &tag, &to, envelope)?,
            }
        }
        if all {
            return Ok(());
        }
    }
}

fn bring_back(
    shared: &Shared,
    link: &mut Link,
    timeout: f64,
    tag: &str,
    list: &str,
    mut envelope: Envelope<'_>,
) -> Result<(), BrokerError> {
    let count = deliveries(&envelope).saturating_add(1);
    envelope.mark_redelivered();
    envelope.headers.insert(DELIVERIES.to_owned(), Value::from(count));
    if count < shared.config.max_deliveries {
        return link.restore(tag, timeout, list, &envelope.write()).map(drop);
    }
    let dead = shared.config.keys.dead(list);
    let why = format!("{count} workers took the message, and none finished it; it is in `{dead}`");
    eprintln!("asynctools-celery: {why}");
    let result = Request::read(&envelope).ok().and_then(|request| {
        let end = End::Failed(exception("WorkerLostError", why, "billiard.exceptions"), None);
        end.result(&shared.config, &request, list, None)
    });
    let end = Finish { result, ..Finish::dead(tag.to_owned(), dead, &envelope.write()) };
    link.finish(&end, &[], &[]).map(drop)
}

fn end_unreadable(link: &mut Link, keys: &Keys, tag: &str, entry: &[u8]) -> Result<(), BrokerError> {
    let dead = keys.dead(&keys.unacked);
    eprintln!("asynctools-celery: a message that cannot be read goes to `{dead}`");
    link.finish(&Finish::dead(tag.to_owned(), dead, entry), &[], &[]).map(drop)
}

/// Returns the list of the message of an entry, and the message. `None` where the entry is no message.
fn read<'a>(link: &mut Link, keys: &Keys, entry: &'a [u8]) -> Result<Option<(String, Envelope<'a>)>, BrokerError> {
    let Some((envelope, exchange, key)) = entry::parse(entry) else { return Ok(None) };
    // A message of Python's may have come by an exchange, whose key is no queue.
    let queue = if exchange.is_empty() { None } else { link.bound(&exchange, &key)? };
    Ok(Some((keys.list(&queue.unwrap_or(key), envelope.priority()), envelope)))
}

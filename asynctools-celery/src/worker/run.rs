//! One message after the other, from the list to its end.

use std::hash::BuildHasher;
use std::hash::Hasher;
use std::hash::RandomState;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use serde_json::Value;

use crate::broker::connection::BrokerError;
use crate::message::arguments::Body;
use crate::message::request::DELIVERIES;
use crate::message::request::Request;
use crate::registry::Entry;
use crate::store::About;
use crate::wire::envelope::Envelope;
use crate::wire::time::Timestamp;
use crate::worker::end::End;
use crate::worker::end::Given;
use crate::worker::end::celery;
use crate::worker::end::exception;
use crate::worker::link::Finish;
use crate::worker::panics;
use crate::worker::shared::Delivery;
use crate::worker::shared::Reserved;
use crate::worker::shared::Running;
use crate::worker::shared::Shared;

/// The longest wait before a retry.
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);

/// The longest wait before a broker is asked again to store a result.
const LONGEST_WAIT_TO_STORE: Duration = Duration::from_secs(5);

/// A server takes texts of this length, however it is configured.
const SMALL: usize = 1 << 20;

/// How many connections may break at a result before it counts as refused, while the server is well.
const CUTS: u32 = 5;

/// A job of the worker's, which ends also where the threads drop it unrun.
pub(crate) struct Job {
    shared: Arc<Shared>,
    /// The message that has not ended.
    number: Option<u64>,
}

impl Job {
    /// Returns the job of a thread that is reserved for this message.
    pub(crate) fn new(shared: &Arc<Shared>, number: u64) -> Self {
        Self { shared: shared.clone(), number: Some(number) }
    }

    /// Runs the message, and then those that came with the end of the one before.
    pub(crate) fn run(mut self, delivery: Delivery) {
        let mut next = Some(delivery);
        while let Some(delivery) = next {
            let (shared, number) = (&self.shared, delivery.number);
            next = match run(shared, &delivery) {
                Outcome::End(end) => finish(shared, number, end),
                Outcome::Later(time, id) => {
                    shared.hold_until(time, id, delivery);
                    None
                }
                Outcome::GivenUp => {
                    shared.threads.shrink();
                    None
                }
            };
            self.number = next.as_ref().map(|delivery| delivery.number);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        match self.number {
            // The worker does not say that the message is in work, so it comes back and is counted as a dead worker's.
            Some(number) if thread::panicking() => self.shared.forget(number),
            Some(number) => self.shared.refused(&[number]),
            None => {}
        }
        self.shared.end_job();
    }
}

/// Gives a message to its reserved thread.
pub(crate) fn start(shared: &Arc<Shared>, delivery: Delivery) {
    let job = Job::new(shared, delivery.number);
    shared.threads.run(Box::new(move || job.run(delivery)));
}

/// The end of a message, or its delay.
enum Outcome {
    End(Finish),
    /// The call of this id is to be run at this time.
    Later(Timestamp, String),
    /// The keeper has ended the call after too long a run.
    GivenUp,
}

fn run(shared: &Shared, delivery: &Delivery) -> Outcome {
    let tag = shared.tag(delivery.number);
    let read = Envelope::read(&delivery.message).and_then(|envelope| Ok((Request::read(&envelope)?, envelope)));
    let (request, envelope) = match read {
        Ok(read) => read,
        Err(why) => {
            let dead = shared.config.keys.dead(&delivery.list);
            eprintln!("asynctools-celery: a message of `{}` goes to `{dead}`: {why}", delivery.list);
            return Outcome::End(Finish::dead(tag, dead, &delivery.message));
        }
    };
    let stored = |tag, end: &End, given| {
        Outcome::End(Finish::stored(tag, end.result(&shared.config, &request, &delivery.list, given)))
    };
    if let Some(why) = &request.refused {
        return stored(tag, &refused(why.clone()), None);
    }
    if request.expires.is_some_and(Timestamp::is_past) {
        return stored(tag, &End::Revoked(celery("TaskRevokedError", "expired")), None);
    }
    if shared.is_revoked(&request.id) || (delivery.after_revocation && was_revoked(shared, &request.id)) {
        return stored(tag, &End::Revoked(celery("TaskRevokedError", "revoked")), None);
    }
    if let Some(eta) = request.eta.filter(|eta| !eta.is_past()) {
        return Outcome::Later(eta, request.id);
    }
    let Some(entry) = shared.registry.get(&request.task) else {
        return stored(tag, &End::Failed(celery("NotRegistered", request.task.as_str()), None), None);
    };
    let text = match envelope.body() {
        Ok(text) => text,
        Err(why) => return stored(tag, &refused(why), None),
    };
    let body = match Body::read(&text) {
        Ok(body) => body,
        Err(why) => return stored(tag, &refused(why), None),
    };
    if let Some(what) = body.2.asks_for() {
        let why = format!("the message asks for {what}, which this worker cannot do");
        return stored(tag, &End::Failed(exception("NotImplementedError", why, "builtins"), None), None);
    }
    let given: Given = shared.config.result_extended.then(|| body.values());
    let mut tag = tag;
    if !entry.options.acks_late {
        // Else a worker that is told to revoke the call, and finds its message nowhere, would say that it never ran.
        let started = End::Started { hostname: shared.config.name.clone() };
        let started = started.result(&shared.config, &request, &delivery.list, None);
        insist(shared, &Finish::stored(std::mem::take(&mut tag), started));
        shared.forget(delivery.number);
    }
    let limit = request.soft_time_limit.or(entry.options.soft_time_limit);
    shared.begin_call(
        delivery.number,
        Running {
            request: request.clone(),
            list: delivery.list.clone(),
            since: SystemTime::now(),
            acknowledged: !entry.options.acks_late,
            deadline: limit.and_then(|limit| Instant::now().checked_add(limit)),
        },
    );
    let (end, retry) = match panics::catch(|| (entry.run)(body.arguments(&request, &envelope))) {
        Ok(Ok(value)) => (End::Value(value), false),
        Ok(Err(failure)) => {
            let retry = failure.may_retry();
            (End::of_failure(failure), retry)
        }
        Err(panicked) => (End::of_panic(panicked), true),
    };
    if !shared.end_call(delivery.number) {
        return Outcome::GivenUp;
    }
    match end {
        End::Failed(exception, traceback) if retry && request.retries < entry.options.max_retries => {
            let end = End::Retry(exception, traceback);
            let result = end.result(&shared.config, &request, &delivery.list, given);
            let push = Some((delivery.list.clone(), again(envelope, &request, entry)));
            Outcome::End(Finish { tag, result, push, mark: shared.config.keys.again(&request.id, request.retries) })
        }
        end => stored(tag, &end, given),
    }
}

/// Asks the broker whether a call was revoked. A broker that does not answer revokes nothing.
fn was_revoked(shared: &Shared, id: &str) -> bool {
    shared.ask(|link| link.is_revoked(id)).unwrap_or(false)
}

fn refused(why: String) -> End {
    End::Failed(exception("ContentDisallowed", why, "kombu.exceptions"), None)
}

/// Returns the wait before a retry: a random part of the task's backoff, which doubles with each retry. `random` is any number.
fn backoff(first: Duration, retries: u32, random: u64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX));
    let micros = doubled.min(LONGEST_BACKOFF).as_micros() * u128::from(random % 1_000_000) / 1_000_000;
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Returns the message of the next attempt: the same id and headers.
fn again(mut envelope: Envelope<'_>, request: &Request, entry: &Entry) -> Vec<u8> {
    let random = RandomState::new().build_hasher().finish();
    let wait = backoff(entry.options.retry_backoff, request.retries, random);
    let headers = &mut envelope.headers;
    headers.insert("retries".to_owned(), Value::from(request.retries + 1));
    headers.insert("eta".to_owned(), Value::from(Timestamp::after(wait).to_string()));
    headers.shift_remove(DELIVERIES);
    headers.shift_remove("redelivered");
    envelope.write()
}

/// Ends a message and takes the next one. Tries until the broker has the result, or refuses it.
fn finish(shared: &Shared, number: u64, mut end: Finish) -> Option<Delivery> {
    let mut wait = Duration::from_millis(20);
    let (mut cuts, mut was_refused) = (0, false);
    loop {
        let (next, numbers) = match shared.next() {
            Reserved::Nothing => (None, Vec::new()),
            Reserved::Ready(delivery) => (Some(delivery), Vec::new()),
            Reserved::Take(numbers) => (None, numbers),
        };
        let lists = if numbers.is_empty() { &[][..] } else { &shared.config.lists[..] };
        let tags: Vec<_> = numbers.iter().map(|number| shared.tag(*number)).collect();
        let result = shared.link().and_then(|mut link| {
            let result = link.finish(&end, lists, &tags);
            match &result {
                Err(error) if error.is_of_the_server() => {
                    shared.close_unused();
                    cuts += u32::from(is_cut_for_its_size(shared, &end));
                }
                // The server may have closed the connection besides.
                Err(error) if error.is_of_the_commands() => {}
                _ => shared.keep(link),
            }
            result
        });
        match result {
            Ok(taken) => {
                shared.forget(number);
                let taken = taken.into_iter().next();
                if taken.is_none() {
                    for number in &numbers {
                        shared.forget(*number);
                    }
                }
                let fetched = |taken| Some(Delivery::of(*numbers.first()?, taken));
                return next.or_else(|| taken.and_then(fetched));
            }
            Err(error) => {
                shared.doubt(&numbers);
                if let Some(ready) = next {
                    shared.ready_again(ready);
                }
                let is_refused = error.is_of_the_commands() || cuts >= CUTS;
                if is_refused && !was_refused && end.result.is_some() {
                    was_refused = true;
                    refuse_result(&mut end, &error);
                    continue;
                }
                eprintln!("asynctools-celery: a result waits, to be stored later: {error}");
                thread::sleep(wait);
                wait = (wait * 2).min(LONGEST_WAIT_TO_STORE);
            }
        }
    }
}

/// Says whether the servers are well, though a connection broke at the end of a message: a server closes the connection that
/// brings it a larger text than it takes.
fn is_cut_for_its_size(shared: &Shared, end: &Finish) -> bool {
    let is_large = end.result.as_ref().is_some_and(|(_, text, _)| text.len() > SMALL);
    is_large && shared.link().is_ok_and(|mut link| link.answers())
}

/// Puts a failure in the place of a result that the server takes at no time.
fn refuse_result(end: &mut Finish, error: &BrokerError) {
    let Some((id, text, _)) = &mut end.result else { return };
    eprintln!("asynctools-celery: the result of `{id}` cannot be stored: {error}");
    if end.push.is_some() {
        // The state of a call that is run again: its end is stored later.
        end.result = None;
        return;
    }
    let large = End::too_large(text.len(), &format!("it cannot be stored: {error}"));
    *text = large.text(&About { task_id: id, ..About::default() });
}

/// Sends the end of a message until the broker has it.
pub(crate) fn insist(shared: &Shared, end: &Finish) {
    let mut wait = Duration::from_millis(20);
    loop {
        let result = shared.link().and_then(|mut link| {
            link.finish(end, &[], &[])?;
            shared.keep(link);
            Ok(())
        });
        match result {
            Ok(()) => return,
            Err(error) => {
                eprintln!("asynctools-celery: an end waits, to be sent later: {error}");
                shared.close_unused();
                thread::sleep(wait);
                wait = (wait * 2).min(LONGEST_WAIT_TO_STORE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::worker::run::backoff;

    #[test]
    fn the_wait_before_a_retry_doubles_and_is_jittered() {
        let longest = |retries| backoff(Duration::from_secs(2), retries, 999_999).as_millis();
        assert_eq!([0, 1, 2, 8].map(longest), [1_999, 3_999, 7_999, 511_999]);
        assert_eq!([9, 31, 32, 1000].map(longest), [599_999; 4], "at most ten minutes");
        assert_eq!(backoff(Duration::from_secs(2), 3, 0), Duration::ZERO, "any part of it");
        assert_eq!(backoff(Duration::from_secs(2), 3, 1_250_000), Duration::from_secs(4));
    }
}

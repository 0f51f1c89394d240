//! The checks before a worker starts.

use std::time::Duration;

use crate::broker::address::Address;
use crate::broker::ask::ask;
use crate::broker::connection::BrokerError;
use crate::broker::connection::bytes;
use crate::broker::connection::list;
use crate::broker::keys::Keys;
use crate::client::pending::Ids;
use crate::error::WorkerError;
use crate::registry::Registry;

/// Returns the queues to serve, each of which has a task.
pub(crate) fn queues(registry: &Registry, queues: Vec<String>) -> Result<Vec<String>, WorkerError> {
    if registry.entries().next().is_none() {
        let why = "the worker has no task; add one by `.task::<name>()`, and name the crates of those that `.all()` is to find";
        return Err(WorkerError::new(why));
    }
    if queues.is_empty() {
        let mut queues: Vec<_> = registry.entries().map(|entry| entry.options.queue.to_owned()).collect();
        queues.sort();
        queues.dedup();
        return Ok(queues);
    }
    match queues.iter().find(|queue| !registry.entries().any(|entry| entry.options.queue == queue.as_str())) {
        Some(queue) => Err(WorkerError::new(format!(
            "no task of the worker is for the queue `{queue}`; add one, or leave the queue out"
        ))),
        None => Ok(queues),
    }
}

/// Refuses a program in which the panic of a call ends the worker, unless that is allowed.
pub(crate) fn panics(abort: bool, allowed: bool) -> Result<(), WorkerError> {
    if !abort || allowed {
        return Ok(());
    }
    let why = "a panic of a task would end the worker: the program is built with `panic = \"abort\"`; remove that, or say \
               `.allow_abort(true)`";
    Err(WorkerError::new(why))
}

/// Refuses a server without the needed commands; warns of a server configured to lose messages.
pub(crate) fn server(broker: &Address) -> Result<(), WorkerError> {
    let refuse = |error: BrokerError| WorkerError::new(error.to_string());
    let mut connection = broker.open().map_err(refuse)?;
    let info = bytes(connection.call(&[b"INFO"]).map_err(refuse)?).unwrap_or_default();
    let info = String::from_utf8_lossy(&info);
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let version = field("redis_version").unwrap_or("0");
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (numbers.next(), numbers.next()) < (Some(6), Some(2)) {
        return Err(WorkerError::new(format!("found Redis {version}; a worker needs 6.2, which has BLMOVE")));
    }
    let is_off = |name| field(name).is_none_or(|value| value == "0");
    // A server may refuse to tell its configuration.
    let mut setting = |name: &[u8]| bytes(list(connection.call(&[b"CONFIG", b"GET", name]).ok()?).into_iter().nth(1)?);
    if is_off("aof_enabled") && setting(b"save").is_some_and(|saves| saves.is_empty()) {
        eprintln!("asynctools-celery: warning: this Redis keeps nothing on disk; if it restarts, all queues are gone");
    }
    if let Some(policy) = setting(b"maxmemory-policy").filter(|policy| policy.starts_with(b"allkeys")) {
        let policy = String::from_utf8_lossy(&policy);
        eprintln!(
            "asynctools-celery: warning: with `maxmemory-policy {policy}` a full Redis deletes queues; use `noeviction`"
        );
    }
    Ok(())
}

/// Celery's visibility timeout, where none is set.
const CELERY_TIMEOUT: f64 = 3600.0;

/// Warns of workers that have this worker's name, or another visibility timeout. Blocks until the others have answered, for at
/// most a second.
pub(crate) fn others(broker: &Address, keys: &Keys, name: &str, timeout: Duration) -> Result<(), WorkerError> {
    let refuse = |error: BrokerError| WorkerError::new(error.to_string());
    let id = Ids::new().text(0);
    let answers = broker.open().and_then(|mut connection| ask(&mut connection, keys, broker.database, &id, "conf"));
    let answers = match answers {
        // A user without the rights to ask.
        Err(BrokerError::Refused(_)) => return Ok(()),
        answers => answers.map_err(refuse)?,
    };
    if answers.contains_key(name) {
        eprintln!("asynctools-celery: warning: another worker is named `{name}`; give each a name of its own");
    }
    let own = timeout.as_secs_f64();
    let theirs = |settings: &serde_json::Value| {
        let set = settings.pointer("/broker_transport_options/visibility_timeout");
        set.and_then(serde_json::Value::as_f64).unwrap_or(CELERY_TIMEOUT)
    };
    let answers = answers.iter().filter(|(_, settings)| settings.get("error").is_none());
    if let Some((other, theirs)) =
        answers.map(|(other, settings)| (other, theirs(settings))).find(|(_, theirs)| (theirs - own).abs() > 1e-3)
    {
        eprintln!(
            "asynctools-celery: warning: the visibility timeout is {own} s here and {theirs} s in the worker `{other}`; the \
             shorter one takes messages from workers that still run them"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::serve::checks::panics;

    #[test]
    fn a_worker_that_dies_of_panics_must_be_allowed() {
        assert!(panics(false, false).is_ok() && panics(true, true).is_ok());
        assert!(panics(true, false).unwrap_err().to_string().contains("`.allow_abort(true)`"));
    }
}

//! The threads that wait for messages: one for each list, since a connection can wait at a single list only, and the
//! wait must leave the message in the list.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use redis::Value;

use crate::broker::connection::BrokerError;
use crate::worker::link::Link;
use crate::worker::run;
use crate::worker::shared::Delivery;
use crate::worker::shared::Reserved;
use crate::worker::shared::Shared;

/// How long the server lets a wait last.
const WAIT: Duration = Duration::from_secs(10);

/// The longest wait between two attempts to reach the broker.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits at one list until the worker stops.
pub(crate) fn run(shared: &Arc<Shared>, list: &str) {
    let mut wait = Duration::from_millis(50);
    while let Err(error) = watch(shared, list, &mut wait) {
        if shared.lock().stopping() {
            return;
        }
        eprintln!("asynctools-celery: waiting at `{list}`: {error}");
        thread::sleep(wait);
        wait = (wait * 2).min(LONGEST);
    }
}

fn watch(shared: &Arc<Shared>, list: &str, wait: &mut Duration) -> Result<(), BrokerError> {
    let mut link = shared.link()?;
    link.broker.wait_for(WAIT)?;
    let seconds = WAIT.as_secs().to_string();
    let list = list.as_bytes();
    while shared.wait_for_room() {
        // From the list to the same end of the same list: nothing moves.
        let waited = link.broker.call(&[b"BLMOVE", list, list, b"RIGHT", b"RIGHT", seconds.as_bytes()])?;
        *wait = Duration::from_millis(50);
        if waited != Value::Nil {
            fill(shared, &mut link)?;
        }
    }
    Ok(())
}

/// Gives messages to threads until there is no message, or no thread.
pub(crate) fn fill(shared: &Arc<Shared>, link: &mut Link) -> Result<(), BrokerError> {
    loop {
        match shared.reserve() {
            Reserved::Nothing => return Ok(()),
            Reserved::Ready(delivery) => run::start(shared, delivery),
            Reserved::Take(mut numbers) => {
                let tags: Vec<_> = numbers.iter().map(|number| shared.tag(*number)).collect();
                let taken = link.take(&shared.config.lists, &tags).inspect_err(|_| {
                    shared.release(&numbers);
                    shared.doubt(&numbers);
                })?;
                let rest = numbers.split_off(taken.len());
                shared.release(&rest);
                for (number, taken) in numbers.into_iter().zip(taken) {
                    run::start(shared, Delivery::of(number, taken));
                }
                if !rest.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}

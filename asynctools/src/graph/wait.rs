//! Waits for the end of a call, by a thread or a task.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::current::current;
use crate::graph::notify;
use crate::graph::traits::Call;
use crate::graph::traits::Waiter;
use crate::sync::Instant;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::turns;

/// Waits for the end of a call: `false` when the deadline came first, an error when it cannot end.
pub(crate) fn block(
    call: &Arc<dyn Call>,
    deadline: Option<Instant>,
    agenda: Option<&Arc<Agenda>>,
) -> Result<bool, TaskError> {
    if call.is_done() {
        return Ok(true);
    }
    notify::drain();
    match current() {
        Some(here) => here.wait(call, deadline, agenda),
        None => Ok(park(&**call, deadline)),
    }
}

/// Config often a waiter looks before it parks. Waking a thread costs microseconds, and many a call ends in less: a lone call
/// and `get` is several times cheaper for it, and a longer spin only burns what the worker could use.
const SPINS: u32 = turns(64);

fn park(call: &dyn Call, deadline: Option<Instant>) -> bool {
    for _ in 0..SPINS {
        if call.is_done() {
            return true;
        }
        hint::spin_loop();
    }
    let thread = thread::current();
    let id = thread.id();
    if call.enlist(Waiter::Thread(thread)).is_some() {
        return true;
    }
    while !call.is_done() {
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(left) if left.is_zero() => {
                call.delist(&|waiter| matches!(waiter, Waiter::Thread(thread) if thread.id() == id));
                return call.is_done();
            }
            Some(left) => thread::park_timeout(left),
        }
    }
    true
}

/// The deadline of a wait of that length; `None` for one that no clock reaches.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Ends `get` and its like for a call without a value: the payload of its panic, or a panic that names the call.
#[track_caller]
pub(crate) fn raise(error: &TaskError, site: CallSite) -> ! {
    if let TaskError::Panicked(panic) = error.root()
        && let Some(payload) = panic.take_payload()
    {
        resume_unwind(payload);
    }
    panic!("{}", error.with_site(site));
}

/// Has `waker` woken at the end of the call, instead of the one before: whether it has ended already. Only the owner of the
/// handle polls, so there is one waker at most.
pub(crate) fn watch(call: &dyn Call, waker: &Waker) -> bool {
    call.delist(&|waiter| matches!(waiter, Waiter::Task(_)));
    call.enlist(Waiter::Task(waker.clone())).is_some()
}

//! Waits for an end, by a thread or a task.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::blocked;
use crate::graph::blocked::BlockedOn;
use crate::graph::current::current;
use crate::graph::lineage;
use crate::graph::look;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::AwaitedRef;
use crate::graph::traits::Waiter;
#[cfg(feature = "trace")]
use crate::pictures::file;
use crate::sync::Instant;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::thread_local;
use crate::sync::turns;

/// Waits for the end of a call: `false` when the deadline came first, an error when the wait cannot end.
pub(crate) fn block(
    call: &Arc<dyn Awaited>,
    deadline: Option<Instant>,
    agenda: Option<&Arc<Agenda>>,
) -> Result<bool, TaskError> {
    block_on(&**call, &|| call.clone(), deadline, agenda)
}

/// As [`block`], for a call that `own` gives where a reference of its own is needed: most waits are over before.
pub(crate) fn block_on(
    call: &dyn Awaited,
    own: AwaitedRef<'_>,
    deadline: Option<Instant>,
    agenda: Option<&Arc<Agenda>>,
) -> Result<bool, TaskError> {
    let result = if call.is_done() { Ok(true) } else { block_on_pending(call, own, deadline, agenda) };
    over();
    result
}

/// Tells of the end of a wait of the current thread: pictures of the program are brought up to date.
#[inline]
pub(crate) fn over() {
    #[cfg(feature = "trace")]
    file::wait_is_over(lineage::is_in_call);
}

/// Whether others may look along the needs of a wait of the current thread: a call may need the call on this stack.
pub(crate) fn is_looked_at() -> bool {
    current().is_some() || lineage::is_in_call()
}

#[inline]
fn block_on_pending(
    call: &dyn Awaited,
    own: AwaitedRef<'_>,
    deadline: Option<Instant>,
    agenda: Option<&Arc<Agenda>>,
) -> Result<bool, TaskError> {
    notify::before_blocking();
    match current() {
        Some(worker) => worker.wait(own, deadline, agenda),
        None => Ok(look_for_end(call, deadline) || give_way_last(call, deadline) || park(&own(), deadline)),
    }
}

/// Waits until `is_over`: another thread makes `is_over` true, then unparks this thread. Returns `false` when the
/// deadline came first.
pub(crate) fn block_on_pool(on: BlockedOn, is_over: &dyn Fn() -> bool, deadline: Option<Instant>) -> bool {
    notify::before_blocking();
    if let Some(worker) = current() {
        return worker.block(on, is_over, deadline);
    }
    // No call waits for a thread that runs none.
    let _blocked = lineage::is_in_call().then(|| blocked::enter(on));
    look::unstick();
    park_until(is_over, deadline)
}

/// How often a waiter looks before it parks. Waking a thread costs microseconds, and many a call ends in less: a lone call
/// and `get` is several times cheaper for it, and a longer spin only burns what the worker could use.
const SPINS: u32 = turns(64);
/// How often a thread of no pool lets other threads run before it parks. With more threads than cores, the thread that
/// ends the call may be waiting for this core; after a yield it ends many calls at once, and has no thread to wake.
const LAST_YIELDS: u32 = turns(8);
/// A waiter lets others run before it looks, where its looks were of no use lately. A scheduler may leave a woken thread on the core
/// of the thread that woke it, which is this core if this thread has just made the call: the worker would come after all the looks.
const YIELDS_FIRST: bool = turns(2) == 2;
/// Each fourth time the waiter looks first after all, for a few turns: a worker on another core ends a call without a yield.
const LOOKS_AGAIN: u32 = 4;
const SHORT_LOOK: u32 = turns(16);

thread_local! {
    /// How many waits of this thread have come since its looks found the end of a call, from 1 on again after `LOOKS_AGAIN`.
    static SINCE_FOUND: Cell<u32> = const { Cell::new(0) };
}

/// Looks for the end of a call, and returns whether the call has ended.
fn look(call: &dyn Awaited, times: u32) -> bool {
    (0..times).any(|_| {
        hint::spin_loop();
        call.is_done()
    })
}

/// Lets other threads run, a few times, and returns whether the call has ended meanwhile.
fn give_way(call: &dyn Awaited, times: u32) -> bool {
    (0..times).any(|_| {
        thread::yield_now();
        call.is_done()
    })
}

/// Looks for the end of a call for a while, and returns whether the call has ended.
pub(crate) fn look_for_end(call: &dyn Awaited, deadline: Option<Instant>) -> bool {
    // A yield may take as long as others have work, so a wait with a deadline does none.
    if deadline.is_some() {
        return look(call, SPINS);
    }
    let since = SINCE_FOUND.with(Cell::get);
    let found = match since {
        LOOKS_AGAIN => look(call, SHORT_LOOK),
        _ if YIELDS_FIRST && since > 0 => false,
        _ => look(call, SPINS),
    };
    // A thread whose looks were of use until now makes way later, right before it parks.
    let found = found || (YIELDS_FIRST && since > 0 && !give_way(call, 1) && look(call, SPINS));
    SINCE_FOUND.with(|cell| cell.set(if found { 0 } else { since % LOOKS_AGAIN + 1 }));
    call.is_done()
}

/// Lets others run before a thread of no pool parks, and returns whether the call has ended meanwhile.
fn give_way_last(call: &dyn Awaited, deadline: Option<Instant>) -> bool {
    deadline.is_none() && give_way(call, LAST_YIELDS)
}

/// Waits on a thread of no pool.
pub(crate) fn park(call: &Arc<dyn Awaited>, deadline: Option<Instant>) -> bool {
    let thread = thread::current();
    let id = thread.id();
    if call.enlist(Waiter::Thread(thread)).is_some() {
        return true;
    }
    // The thread may run a call of a pool whose queue is full.
    let _blocked = lineage::is_in_call().then(|| blocked::enter(BlockedOn::Call(call.clone())));
    look::unstick();
    let ended = park_until(&|| call.is_done(), deadline);
    if !ended {
        call.delist(&|waiter| matches!(waiter, Waiter::Thread(thread) if thread.id() == id));
    }
    ended || call.is_done()
}

pub(crate) fn park_until(is_over: &dyn Fn() -> bool, deadline: Option<Instant>) -> bool {
    while !is_over() {
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(left) if left.is_zero() => return false,
            Some(left) => thread::park_timeout(left),
        }
    }
    true
}

/// Returns the deadline of a wait of this length; `None` if no clock reaches the deadline.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// Panics in `get` and its like, for a call without a value: with the payload of the call's panic, or with the name of
/// the call.
#[track_caller]
pub(crate) fn raise(error: &TaskError, site: CallSite) -> ! {
    if let TaskError::Panicked(panic) = error.root()
        && let Some(payload) = panic.take_payload()
    {
        resume_unwind(payload);
    }
    panic!("{}", error.with_site(site));
}

/// Has `waker` woken at the end of the call, instead of the previous waker, and returns whether the call has ended
/// already. Only the owner of the handle polls, so a call has at most 1 waker.
pub(crate) fn watch(call: &dyn Awaited, waker: &Waker) -> bool {
    call.delist(&|waiter| matches!(waiter, Waiter::Task(_)));
    call.enlist(Waiter::Task(waker.clone())).is_some()
}

//! Which threads are blocked, and on what.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::graph::traits::Awaited;
use crate::graph::traits::Scheduler;
use crate::graph::traits::ThreadNumber;
use crate::sync::thread_local;
#[cfg(feature = "trace")]
use crate::tag::Sources;
#[cfg(feature = "trace")]
use crate::tag::record;

// Implementation
//
// A thread enters what it is blocked on before it parks, and before it looks whether it closes a circle. Of several threads
// that block at the same time the last one to enter therefore sees all the others. The table and its counters are the standard
// library's under a model checker too: a `static` lives longer than a model, and nothing waits under this lock.

/// The cause of a blocked thread.
#[derive(Clone)]
pub(crate) enum BlockedOn {
    /// The end of a call.
    Call(Arc<dyn Awaited>),
    /// Room in the queue of a pool.
    Room(Arc<dyn Scheduler>),
    /// The end of a pool.
    End(Arc<dyn Scheduler>),
}

static BLOCKED: LazyLock<Mutex<HashMap<ThreadNumber, BlockedOn>>> = LazyLock::new(Mutex::default);
/// The threads that wait for room in a queue, and for the end of a pool. As long as there are no such threads, all
/// blocked threads need calls only, and pools run these calls.
static IN_SUBMISSION: AtomicUsize = AtomicUsize::new(0);
static IN_CLOSE: AtomicUsize = AtomicUsize::new(0);
static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

thread_local! {
    // Has no destructor, so that it can be read from those of the user.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// Returns the number of the current thread.
#[inline]
pub(crate) fn this_thread() -> ThreadNumber {
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
        }
        ThreadNumber(number.get())
    })
}

/// Keeps the current thread in the table of blocked threads, until the drop.
pub(crate) struct Blocked {
    /// The outer wait of the thread, if a call runs inside of the outer wait, and this wait is inside of the call.
    outer: Option<BlockedOn>,
    counter: Option<&'static AtomicUsize>,
    #[cfg(feature = "trace")]
    _wait: record::InWait,
}

fn replace(on: Option<BlockedOn>) -> Option<BlockedOn> {
    let own = this_thread();
    let mut blocked = BLOCKED.lock().unwrap_or_else(PoisonError::into_inner);
    match on {
        Some(on) => blocked.insert(own, on),
        None => blocked.remove(&own),
    }
}

/// Enters the cause into the table, for the current thread.
pub(crate) fn enter(on: BlockedOn) -> Blocked {
    let counter = match on {
        BlockedOn::Call(_) => None,
        BlockedOn::Room(_) => Some(&IN_SUBMISSION),
        BlockedOn::End(_) => Some(&IN_CLOSE),
    };
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::SeqCst);
    }
    Blocked {
        #[cfg(feature = "trace")]
        _wait: record::begin_wait(|| match &on {
            BlockedOn::Call(call) => {
                let mut sources = Sources::new();
                call.sources(&mut sources);
                Some((sources.first().map_or(0, |ids| ids.number), call.site()))
            }
            BlockedOn::Room(_) | BlockedOn::End(_) => None,
        }),
        outer: replace(Some(on)),
        counter,
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Dropped outside of the lock: it may be the last owner of a call.
        drop(replace(self.outer.take()));
        if let Some(counter) = self.counter {
            counter.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Returns the cause of the blocked `thread`; `None` for a running thread.
pub(crate) fn of(thread: ThreadNumber) -> Option<BlockedOn> {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner).get(&thread).cloned()
}

pub(crate) fn is_blocked(thread: ThreadNumber) -> bool {
    BLOCKED.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&thread)
}

/// Whether a call is blocked in a submission, or in a close.
pub(crate) fn is_any_held_up() -> bool {
    IN_SUBMISSION.load(Ordering::SeqCst) > 0 || is_any_closing()
}

/// Whether a call is blocked in a close.
pub(crate) fn is_any_closing() -> bool {
    IN_CLOSE.load(Ordering::SeqCst) > 0
}

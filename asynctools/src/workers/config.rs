//! The configuration of a pool, and its statistics.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use crate::panics::Guarded;
use crate::panics::survive;
use crate::tag::Around;

/// Says how a pool treats a call when the queue is full.
///
/// # Examples
///
/// ```
/// use asynctools::{OnFull, Pool, TaskError};
///
/// let pool = Pool::builder().workers(0).queue(1).on_full(OnFull::Reject).build().unwrap();
/// let waits = pool.spawn(|| 1);
/// assert!(matches!(pool.spawn(|| 2).outcome(), Err(TaskError::Rejected)));
/// # waits.detach();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFull {
    /// The caller blocks until there is room.
    #[default]
    Block,
    /// The caller runs the call itself, over the ceiling of the pool.
    RunHere,
    /// The call ends at once as [`TaskError::Rejected`](crate::TaskError::Rejected).
    Reject,
}

/// Counts the calls and threads of a pool; exact while nothing changes.
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
///
/// let pool = Pool::new(2);
/// pool.map(0..10, |n| n).wait();
/// let stats = pool.stats();
/// assert_eq!((stats.workers, stats.running, stats.queued, stats.finished), (2, 0, 0, 10));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// The target: how many calls may run at once.
    pub workers: usize,
    /// Threads within the target, without a call.
    pub idle: usize,
    /// Running calls, without the blocked calls.
    pub running: usize,
    /// Calls blocked in a wait for another call.
    pub blocked: usize,
    /// Calls in the queue.
    pub queued: usize,
    /// Calls run to their end, panicked calls included.
    pub finished: usize,
    /// Panicked calls.
    pub panicked: usize,
    /// Calls cancelled before their start.
    pub cancelled: usize,
    /// Threads over the target. Unless the pool needs these threads again, they end soon.
    pub spares: usize,
}

/// How a pool was built.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Threads are named `name-1`, `name-2` ...
    pub(crate) name: String,
    pub(crate) stack_size: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) bound: Option<(usize, OnFull)>,
    /// How many permits of blocked calls the pool may lend to calls without a blocked waiter; `None`: as many as the
    /// pool has workers.
    pub(crate) max_blocked: Option<usize>,
    /// Each call has its own thread from the start, so no other thread may run the call.
    pub(crate) dedicated_threads: bool,
    pub(crate) on_thread_start: ThreadHook,
    pub(crate) on_thread_stop: ThreadHook,
    pub(crate) around: Around,
}

/// Calls the program's code on each thread of a pool, if the program gave any.
#[derive(Clone, Default)]
pub(crate) struct ThreadHook(Option<Arc<dyn Fn() + Send + Sync>>);

/// A hook that panicked is called again, on the next thread, whatever the panic left behind.
impl UnwindSafe for ThreadHook {}
impl RefUnwindSafe for ThreadHook {}

impl ThreadHook {
    pub(crate) fn new(f: impl Fn() + Send + Sync + 'static) -> Self {
        let f = Guarded::new(f);
        Self(Some(Arc::new(move || (f.get())())))
    }

    /// Calls the hook on this thread.
    pub(crate) fn call(&self) {
        if let Some(f) = &self.0 {
            survive(|| f());
        }
    }
}

impl fmt::Debug for ThreadHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Some(..)" } else { "None" })
    }
}

/// Why a pool cannot have a name.
pub(crate) const ZERO_BYTE: &str = "the name of a thread cannot contain a zero byte";

pub(crate) const fn has_zero_byte(name: &str) -> bool {
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        if *first == 0 {
            return true;
        }
        rest = others;
    }
    false
}

/// The stack of a thread, as the standard library sets the size.
const STACK_SIZE: usize = 2 * 1024 * 1024;
/// The stack of a thread whose size nobody chose: `RUST_MIN_STACK` as for any thread of a program.
fn default_stack_size() -> usize {
    static SIZE: LazyLock<usize> = LazyLock::new(|| {
        let chosen = std::env::var("RUST_MIN_STACK").ok();
        chosen.and_then(|size| size.parse().ok()).unwrap_or(STACK_SIZE)
    });
    *SIZE
}

impl Config {
    /// The configuration of a pool with a name and default values.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stack_size: default_stack_size(),
            idle_timeout: None,
            bound: None,
            max_blocked: None,
            dedicated_threads: false,
            on_thread_start: ThreadHook::default(),
            on_thread_stop: ThreadHook::default(),
            around: Around::default(),
        }
    }
}

//! The state that the threads and the bodies of a running program share.

use std::fmt::Write;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asynctools::Pool;
use asynctools::Shared;

use crate::oracle::Oracle;
use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::Program;
use crate::run::edges::Handle;
use crate::run::frame::Meter;
use crate::seen::Ends;
use crate::seen::Seen;
use crate::tally::Tally;
use crate::value::AtDrop;
use crate::value::Bad;
use crate::value::CLONE;
use crate::value::DROP;
use crate::value::Ledger;
use crate::value::Mild;
use crate::value::Out;
use crate::value::Val;

pub(crate) type Order = Box<dyn FnOnce() + Send>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many times, a millisecond apart, `comes_true` looks. Time in which the process stands still does not count.
const LOOKS: usize = 15_000;

/// Waits until `holds` does; `false` if that takes too long.
pub(crate) fn comes_true(holds: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|look| {
        if look > 200 {
            thread::park_timeout(Duration::from_millis(1));
        } else {
            thread::yield_now();
        }
        holds()
    })
}

/// A pool that takes no calls, in place of a pool that was dropped.
static SHUT: LazyLock<Pool> = LazyLock::new(|| {
    let pool = Pool::new(1);
    pool.close();
    pool
});

/// A program that runs.
pub(crate) struct Run {
    pub(crate) program: Arc<Program>,
    pub(crate) oracle: Oracle,
    /// How the calls may end, before any end was seen.
    pub(crate) before: Vec<Ends>,
    pub(crate) tally: Arc<Tally>,
    /// `None` once the pool was dropped.
    pub(crate) pools: Vec<Mutex<Option<Arc<Pool>>>>,
    /// Tells the threads of this run from those of others, in their names.
    pub(crate) turn: u64,
    /// The system may refuse threads.
    pub(crate) scarce: bool,
    /// The calls with a handle for many readers, for the bodies that wait for earlier calls.
    pub(crate) readers: Vec<Mutex<Option<Reader>>>,
    pub(crate) meters: Vec<Meter>,
    pub(crate) gates: Vec<Shared<()>>,
    /// Orders for the thread that never blocks; `None` when all bodies have ended.
    pub(crate) orders: Mutex<Option<mpsc::Sender<Order>>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) ran: Vec<AtomicUsize>,
    pub(crate) seen: Vec<Mutex<Option<Seen>>>,
    pub(crate) slots: Mutex<Slots>,
    pub(crate) filled: Condvar,
    pub(crate) faults: Mutex<Vec<String>>,
}

/// The handles, on their way from the thread that makes the calls to the threads that use them.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub(crate) handles: Vec<Option<Handle>>,
    /// No more handles will come.
    pub(crate) broken: bool,
}

/// A handle for many readers.
#[derive(Clone, Debug)]
pub(crate) enum Reader {
    Mild(Shared<Out<Mild>>),
    Bad(Shared<Out<Bad>>),
}

/// The pool that a call is made on.
pub(crate) enum Target {
    Own(Arc<Pool>),
    Global,
    Shut,
}

impl Deref for Target {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        match self {
            Self::Own(pool) => pool,
            Self::Global => Pool::global(),
            Self::Shut => &SHUT,
        }
    }
}

impl Run {
    pub(crate) fn fault(&self, what: String) {
        lock(&self.faults).push(what);
    }

    pub(crate) fn value(self: &Arc<Self>, body: &Body) -> Val {
        Val {
            origin: body.id,
            brittle: body.brittle,
            at_clone: self.code(body.hooks.clone, CLONE + body.id),
            at_drop: AtDrop(self.code(body.hooks.result, DROP + body.id)),
            token: self.ledger.result(body.id),
        }
    }

    /// Returns the pool, to be kept only while a call is made: a thread that drops a pool waits until no other owner is left.
    pub(crate) fn target(&self, at: At) -> Target {
        match at {
            At::Pool(pool) => lock(&self.pools[pool]).clone().map_or(Target::Shut, Target::Own),
            _ => Target::Global,
        }
    }

    /// Has `order` run on the thread that never blocks.
    pub(crate) fn order(&self, order: impl FnOnce() + Send + 'static) {
        let sender = lock(&self.orders).clone();
        let sent = sender.is_some_and(|sender| sender.send(Box::new(order)).is_ok());
        if !sent {
            self.fault("a body runs after the end".to_owned());
        }
    }

    /// Describes how far the run has come.
    pub(crate) fn state(&self) -> String {
        let seen: Vec<_> = self.seen.iter().map(lock).collect();
        format!("    ran {:?}\n    seen {seen:?}\n    {:?}\n    {:?}\n", self.ran, self.meters, lock(&self.faults))
    }

    /// Describes the pools.
    pub(crate) fn pools(&self) -> String {
        let mut text = String::new();
        for pool in &self.pools {
            let _ = writeln!(text, "    {:?}", lock(pool));
        }
        let _ = writeln!(text, "    {:?}", Pool::global());
        text
    }
}

pub(crate) fn yield_often(times: u8) {
    (0..times).for_each(|_| thread::yield_now());
}

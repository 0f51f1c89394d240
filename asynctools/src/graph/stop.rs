//! Which calls somebody has asked to stop.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use crate::graph::traits::PoolId;

// Implementation
//
// Most calls are never asked to stop, so a call has no flag. A request puts the address of the call into a table, for as long as the
// call runs, and raises a number; a call keeps the number of the moment when it went to its queue, until it runs (`Origin` in `waiters`),
// and a look reads the table only if the number has changed since. A request to all calls of a pool leaves the new number in the
// table: it is for the calls with a smaller number. Like `blocked`, the table is the standard library's under a model checker too:
// nothing waits under this lock.

/// How many requests there were so far.
static REQUESTS: AtomicU32 = AtomicU32::new(0);
static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Table {
    /// The calls that were asked or have given out a token, by address.
    calls: HashMap<usize, Entry>,
    /// The number of the last request to all calls of a pool.
    pools: HashMap<PoolId, u32>,
}

#[derive(Default)]
struct Entry {
    flag: Flag,
    /// The pool of the call, if the call has given out a token.
    pool: Option<PoolId>,
    asked: bool,
}

/// The flag that tokens of one call share.
pub(crate) type Flag = Arc<AtomicBool>;

fn with_table<R>(f: impl FnOnce(&mut Table) -> R) -> R {
    f(&mut TABLE.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Table {
    /// Takes out the entry of a call that has neither a request nor a token any more.
    fn tidy(&mut self, call: usize) {
        if self.calls.get(&call).is_some_and(|entry| !entry.asked && entry.pool.is_none()) {
            self.calls.remove(&call);
        }
    }

    fn is_asked(&self, call: usize, pool: PoolId, queued: u32) -> bool {
        let is_flagged = self.calls.get(&call).is_some_and(|entry| entry.asked);
        is_flagged || self.pools.get(&pool).is_some_and(|request| is_before(queued, *request))
    }
}

/// Whether `request` came after a call with the number `queued`. Numbers begin again at 0, after more requests than a call outlives.
fn is_before(queued: u32, request: u32) -> bool {
    request.wrapping_sub(queued).cast_signed() > 0
}

/// Returns the number of requests so far.
#[inline]
pub(crate) fn requests() -> u32 {
    REQUESTS.load(Ordering::Acquire)
}

/// A call that was asked to stop, until the drop.
pub(crate) struct Asked(usize);

/// Asks the call at the address `call` to stop. The caller keeps what this returns until the call has ended; `None` if the call
/// was asked before.
pub(crate) fn ask(call: usize) -> Option<Asked> {
    with_table(|table| {
        let entry = table.calls.entry(call).or_default();
        if std::mem::replace(&mut entry.asked, true) {
            return None;
        }
        entry.flag.store(true, Ordering::Release);
        REQUESTS.fetch_add(1, Ordering::Release);
        Some(Asked(call))
    })
}

impl Drop for Asked {
    fn drop(&mut self) {
        with_table(|table| {
            if let Some(entry) = table.calls.get_mut(&self.0) {
                entry.asked = false;
            }
            table.tidy(self.0);
        });
    }
}

/// Asks all calls of `pool` to stop that have left the queue.
pub(crate) fn ask_pool(pool: PoolId) {
    with_table(|table| {
        let request = REQUESTS.fetch_add(1, Ordering::Release).wrapping_add(1);
        table.pools.insert(pool, request);
        for entry in table.calls.values().filter(|entry| entry.pool == Some(pool)) {
            entry.flag.store(true, Ordering::Release);
        }
    });
}

/// A pool that was asked is gone.
pub(crate) fn forget_pool(pool: PoolId) {
    if requests() != 0 {
        with_table(|table| table.pools.remove(&pool));
    }
}

/// A running call, from its own side.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    call: usize,
    pool: PoolId,
    /// The number of requests when the call went to its queue, and at the last look.
    queued: u32,
    seen: u32,
    has_token: bool,
}

impl Run {
    pub(crate) fn new(call: usize, pool: PoolId, queued: u32) -> Self {
        Self { call, pool, queued, seen: queued, has_token: false }
    }

    /// Returns the pool of the call.
    pub(crate) fn pool(&self) -> PoolId {
        self.pool
    }
}

/// The running call of a thread.
pub(crate) struct RunCells {
    call: Cell<usize>,
    pool: Cell<PoolId>,
    queued: Cell<u32>,
    seen: Cell<u32>,
    has_token: Cell<bool>,
}

impl RunCells {
    pub(crate) const fn new() -> Self {
        Self {
            call: Cell::new(0),
            pool: Cell::new(PoolId::NONE),
            queued: Cell::new(0),
            seen: Cell::new(0),
            has_token: Cell::new(false),
        }
    }

    pub(crate) fn get(&self) -> Run {
        Run {
            call: self.call.get(),
            pool: self.pool.get(),
            queued: self.queued.get(),
            seen: self.seen.get(),
            has_token: self.has_token.get(),
        }
    }

    #[inline]
    pub(crate) fn set(&self, run: Run) {
        self.call.set(run.call);
        self.pool.set(run.pool);
        self.queued.set(run.queued);
        self.seen.set(run.seen);
        self.has_token.set(run.has_token);
    }

    /// Returns the pool of the call.
    pub(crate) fn pool(&self) -> PoolId {
        self.pool.get()
    }

    fn look_up(&self, table: &Table) -> bool {
        table.is_asked(self.call.get(), self.pool.get(), self.queued.get())
    }

    /// Whether somebody has asked the call to stop.
    pub(crate) fn is_asked(&self) -> bool {
        let now = requests();
        if now == self.seen.get() {
            return false;
        }
        let asked = with_table(|table| self.look_up(table));
        if !asked {
            self.seen.set(now);
        }
        asked
    }

    /// Returns the flag that a request will set.
    pub(crate) fn token(&self) -> Flag {
        self.has_token.set(true);
        with_table(|table| {
            let asked = self.look_up(table);
            let entry = table.calls.entry(self.call.get()).or_default();
            entry.pool = Some(self.pool.get());
            entry.flag.fetch_or(asked, Ordering::Release);
            entry.flag.clone()
        })
    }

    /// Notes the end of the call.
    #[inline]
    pub(crate) fn end(&self) {
        if self.has_token.get() {
            self.end_token();
        }
    }

    #[cold]
    fn end_token(&self) {
        with_table(|table| {
            if let Some(entry) = table.calls.get_mut(&self.call.get()) {
                entry.pool = None;
            }
            table.tidy(self.call.get());
        });
    }
}

/// Whether somebody has asked for the value of the promise at the address `call` to stop coming.
pub(crate) fn is_promise_asked(call: usize) -> bool {
    requests() != 0 && with_table(|table| table.is_asked(call, PoolId::NONE, requests()))
}

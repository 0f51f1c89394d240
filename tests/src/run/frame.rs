//! The bodies that run now, counted per pool: how many run, and how many wait.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use crate::program::plan::At;
use crate::program::plan::Body;
use crate::run::state::Run;
use crate::tally::Tally;

/// The calls of a pool.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// The calls that run and are in no wait.
    pub(crate) running: AtomicIsize,
    /// The calls of these that have never waited, and do not run inside the wait of another call.
    pub(crate) fresh: AtomicIsize,
    /// The calls in a wait.
    pub(crate) away: AtomicIsize,
    /// The calls that came back from a wait, or ran inside of one, less the calls from outside that have ended since.
    pub(crate) credit: AtomicIsize,
    /// The calls that have begun so far.
    pub(crate) entered: AtomicUsize,
}

thread_local! {
    /// The bodies on this thread, the innermost last.
    static FRAMES: RefCell<Vec<Entry>> = const { RefCell::new(Vec::new()) };
}

/// A body on a thread.
struct Entry {
    /// The address of the run.
    run: usize,
    /// The call from outside that the body belongs to.
    outer: usize,
    /// The pool that counts the body: its own, or none if the body runs on the thread that made the call.
    pool: Option<usize>,
    /// The body has never waited, and does not run inside the wait of another call.
    fresh: bool,
    waits: bool,
}

/// A body that runs.
pub(crate) struct Frame<'a> {
    pub(crate) run: &'a Arc<Run>,
    pub(crate) home: At,
    /// The pool that counts the body: its own, or none if the body runs on the thread that made the call.
    pub(crate) counted: Option<usize>,
    /// Made from outside of all calls, and not run inside of one.
    pub(crate) outermost: bool,
}

impl<'a> Frame<'a> {
    /// Counts a body; `None` stands for a closure that only passes a result on.
    pub(crate) fn enter(run: &'a Arc<Run>, home: At, body: Option<&Body>) -> Self {
        let tally = &run.tally;
        if let Some(body) = body {
            Tally::add(&tally.calls);
            Tally::at_least(&tally.deepest, body.depth + 1);
        }
        let key = Arc::as_ptr(run).addr();
        let outer = body.map_or(0, |body| body.outer);
        let enter = |pool| {
            FRAMES.with_borrow_mut(|frames| {
                let inline = frames.iter().any(|entry| entry.run == key && entry.pool == pool);
                frames.push(Entry { run: key, outer, pool, fresh: !inline, waits: false });
                inline
            })
        };
        let At::Pool(pool) = home else {
            enter(None);
            return Self { run, home, counted: None, outermost: false };
        };
        let meter = &run.meters[pool];
        meter.entered.fetch_add(1, Ordering::SeqCst);
        if own_pool() != Some(pool) {
            Tally::add(&tally.guests);
            enter(None);
            return Self { run, home, counted: None, outermost: false };
        }
        let inline = enter(Some(pool));
        let facts = &run.oracle.facts()[pool];
        let most = isize::try_from(facts.most).expect("small");
        let running = meter.running.fetch_add(1, Ordering::SeqCst) + 1;
        if running >= most {
            Tally::add(&tally.full);
        }
        if facts.is_exact() && running > most {
            run.fault(format!("{running} calls of pool {pool} run at once, which never had more than {most} workers"));
        }
        if inline {
            Tally::add(&tally.inline);
            meter.credit.fetch_add(1, Ordering::SeqCst);
        } else {
            // Each call that came back from a wait may run over the ceiling, and so may a spare that has the permit of a
            // waiting call. A worker that has run a call from outside stands down if the pool is over the ceiling.
            let fresh = meter.fresh.fetch_add(1, Ordering::SeqCst) + 1;
            let more = meter.away.load(Ordering::SeqCst) + meter.credit.load(Ordering::SeqCst);
            // A worker that waits for a refused thread takes its permit back at once, beside the worker that has it by then.
            if fresh > most + more && facts.least > 0 && !run.scarce {
                run.fault(format!("{fresh} new calls of pool {pool} run at once, beside {more} that have waited"));
            }
        }
        let outermost = !inline && body.is_some_and(|body| body.depth == 0);
        Self { run, home, counted: Some(pool), outermost }
    }

    /// Counts the body as waiting while `wait` runs, and tallies the wait.
    pub(crate) fn away<R>(&self, wait: impl FnOnce() -> R) -> R {
        Tally::add(&self.run.tally.nested_waits);
        self.aside(wait)
    }

    /// Counts the body as waiting while `wait` runs.
    pub(crate) fn aside<R>(&self, wait: impl FnOnce() -> R) -> R {
        aside(self.run, wait)
    }
}

/// Returns the first of the calls from outside whose bodies are on this thread: calls that were made before do not wait for them.
pub(crate) fn first_outer() -> usize {
    FRAMES.with_borrow(|frames| frames.iter().map(|entry| entry.outer).min().unwrap_or(usize::MAX))
}

/// What waits on this thread, besides calls from outside.
enum Waits {
    /// A body that is counted; whether it never waited before.
    Body(usize, bool),
    /// Code of the program after the body of a call, on a worker of the pool.
    Hook(usize),
    Nothing,
}

/// Counts the body that this thread runs, or the worker that this thread is, as waiting while `wait` runs.
pub(crate) fn aside<R>(run: &Run, wait: impl FnOnce() -> R) -> R {
    let key = std::ptr::from_ref(run).addr();
    let waits = FRAMES.with_borrow_mut(|frames| match frames.last_mut() {
        Some(Entry { run, waits: waits @ false, pool: Some(pool), fresh, .. }) if *run == key => {
            *waits = true;
            Waits::Body(*pool, std::mem::take(fresh))
        }
        Some(_) => Waits::Nothing,
        None => own_pool().map_or(Waits::Nothing, Waits::Hook),
    });
    let pool = match waits {
        Waits::Body(pool, _) | Waits::Hook(pool) => pool,
        Waits::Nothing => return wait(),
    };
    let meter = &run.meters[pool];
    if let Waits::Body(_, true) = waits {
        meter.fresh.fetch_sub(1, Ordering::SeqCst);
    }
    let running = isize::from(matches!(waits, Waits::Body(..)));
    meter.away.fetch_add(1, Ordering::SeqCst);
    meter.running.fetch_sub(running, Ordering::SeqCst);
    let result = wait();
    meter.running.fetch_add(running, Ordering::SeqCst);
    meter.credit.fetch_add(1, Ordering::SeqCst);
    meter.away.fetch_sub(1, Ordering::SeqCst);
    FRAMES.with_borrow_mut(|frames| {
        if let Some(entry) = frames.last_mut() {
            entry.waits = false;
        }
    });
    result
}

/// The pool of the program whose worker this thread is.
fn own_pool() -> Option<usize> {
    let thread = thread::current();
    let (pool, _) = thread.name()?.strip_prefix('p')?.split_once('-')?;
    pool.parse().ok()
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let left = FRAMES.with_borrow_mut(Vec::pop);
        let Some(pool) = self.counted else { return };
        let meter = &self.run.meters[pool];
        if left.is_some_and(|entry| entry.fresh) {
            meter.fresh.fetch_sub(1, Ordering::SeqCst);
        }
        if self.outermost {
            let _ = meter
                .credit
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |credit| (credit > 0).then(|| credit - 1));
        }
        meter.running.fetch_sub(1, Ordering::SeqCst);
    }
}

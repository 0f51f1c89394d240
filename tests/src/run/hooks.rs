//! The user code that the runtime runs: `Drop`, `Clone`, conversions and wakers.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::TryLockError;
use std::thread;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::parallel;

use crate::program::plan::At;
use crate::program::plan::Hook;
use crate::run::frame::Frame;
use crate::run::frame::aside;
use crate::run::frame::first_outer;
use crate::run::state::Run;
use crate::tally::Tally;
use crate::value::CONVERT;
use crate::value::Code;
use crate::value::DROP;
use crate::value::boom;

thread_local!(static IN_HOOK: Cell<bool> = const { Cell::new(false) });

/// A hook that runs; whether it runs inside of another.
struct Inside(bool);

impl Drop for Inside {
    fn drop(&mut self) {
        IN_HOOK.set(self.0);
    }
}

/// Whether this thread sets promises or pauses pools, for which others wait.
fn never_blocks() -> bool {
    thread::current().name().is_some_and(|name| name == "setter" || name == "operator")
}

/// Whether a panic with this tag is one of a conversion.
fn is_conversion(tag: usize) -> bool {
    (CONVERT..DROP).contains(&tag)
}

impl Run {
    /// Makes the code of a hook; a panic of the code has the tag.
    pub(crate) fn code(self: &Arc<Self>, hook: Option<Hook>, tag: usize) -> Option<Code> {
        let run = self.clone();
        hook.map(|hook| Code(Arc::new(move || run.hook(hook, tag))))
    }

    /// Does what a hook says, on whichever thread the runtime chose.
    pub(crate) fn hook(self: &Arc<Self>, hook: Hook, tag: usize) {
        Tally::add(&self.tally.hooks);
        let inside = Inside(IN_HOOK.replace(true));
        match hook {
            Hook::Submit(at) => aside(self, || self.call_back(at).detach()),
            Hook::Wait(at) => aside(self, || drop(self.call_back(at).outcome())),
            Hook::Timed(at, micros) => {
                let limit = Duration::from_micros(u64::from(micros));
                aside(self, || drop(self.call_back(at).outcome_timeout(limit)));
            }
            // Where that call cannot need this thread: not inside of a hook, nor of a body that was made before.
            Hook::Await(call) if !inside.0 && !never_blocks() && call < first_outer() => {
                aside(self, || self.await_call(call, None));
            }
            Hook::Await(_) => {}
            Hook::CancelQueued(pool) => {
                if let Some(pool) = self.pool_now(pool) {
                    pool.cancel_queued();
                }
            }
            // The `Drop` of a value that dies with a panic: nothing would catch a second one. A conversion is always caught.
            Hook::Panic if thread::panicking() && !is_conversion(tag) => {}
            // A panic that the hook does not print.
            Hook::Panic => resume_unwind(Box::new(boom(tag))),
        }
    }

    /// Makes a call from a hook. The threads that set promises and pause pools wait for no pool.
    fn call_back(self: &Arc<Self>, at: At) -> AsyncValue<()> {
        let pool = match at {
            At::Pool(pool) if !never_blocks() => self.pool_now(pool),
            _ => None,
        };
        match (pool, at) {
            (Some(pool), at) => {
                let run = self.clone();
                pool.spawn(move || drop(Frame::enter(&run, at, None)))
            }
            (None, At::Global) if !never_blocks() => Pool::global().spawn(|| ()),
            _ => parallel(|| ()),
        }
    }

    /// Returns the pool, unless the pool is gone or this thread is changing it.
    fn pool_now(&self, pool: usize) -> Option<Arc<Pool>> {
        match self.pools[pool].try_lock() {
            Ok(pool) => pool.clone(),
            Err(TryLockError::Poisoned(pool)) => PoisonError::into_inner(pool).clone(),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

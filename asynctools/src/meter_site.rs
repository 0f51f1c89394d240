//! The meters of a function: handles of the recorder of `metrics`, which the first call of the function makes.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use metrics::Counter;
use metrics::Histogram;

/// The handles for the calls of one function on the pools of one name.
pub(crate) struct Meters {
    pub(crate) pool: Box<str>,
    pub(crate) arguments: Histogram,
    pub(crate) queue: Histogram,
    pub(crate) run: Histogram,
    /// Calls by their ending.
    pub(crate) endings: Vec<Counter>,
}

const UNKNOWN: u8 = 0;
/// There was no recorder at the first call.
const MUTE: u8 = 1;
const LIVE: u8 = 2;

/// The meters of a function, which are a part of the function's `static`.
pub(crate) struct MeterSite {
    state: AtomicU8,
    /// Nearly every function has calls on one pool.
    first: OnceLock<Arc<Meters>>,
    others: Mutex<Vec<Arc<Meters>>>,
}

/// A panic of a recorder leaves handles made or not, and both are right.
impl UnwindSafe for MeterSite {}
impl RefUnwindSafe for MeterSite {}

impl fmt::Debug for MeterSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeterSite").field("state", &self.state).finish_non_exhaustive()
    }
}

impl MeterSite {
    pub(crate) const fn new() -> Self {
        Self { state: AtomicU8::new(UNKNOWN), first: OnceLock::new(), others: Mutex::new(Vec::new()) }
    }

    /// Whether there was no recorder at the first call.
    #[inline]
    pub(crate) fn is_mute(&self) -> bool {
        self.state.load(Ordering::Relaxed) == MUTE
    }

    /// Returns the meters for calls on `pool`; `None` if there was no recorder at the first call. `has_recorder` and `make`
    /// run the code of the recorder, under no lock.
    pub(crate) fn get(
        &self,
        pool: &str,
        has_recorder: impl FnOnce() -> bool,
        make: impl FnOnce() -> Option<Meters>,
    ) -> Option<Arc<Meters>> {
        if self.state.load(Ordering::Relaxed) == UNKNOWN {
            self.state.store(if has_recorder() { LIVE } else { MUTE }, Ordering::Relaxed);
        }
        if self.is_mute() {
            return None;
        }
        if let Some(meters) = self.first.get().filter(|meters| *meters.pool == *pool) {
            return Some(meters.clone());
        }
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let found = others().iter().find(|meters| *meters.pool == *pool).cloned();
        if found.is_some() {
            return found;
        }
        // Two threads may make handles for the same series, which are one to the recorder.
        let meters = Arc::new(make()?);
        if self.first.set(meters.clone()).is_err() {
            others().push(meters.clone());
        }
        Some(meters)
    }
}

//! The meters of a function: handles of the recorder of `metrics`, which the first call of the function makes.

use std::fmt;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use metrics::Counter;
use metrics::Histogram;

/// The handles for the calls of one function on the pools of one name.
pub(crate) struct Meters {
    pub(crate) pool: Arc<str>,
    pub(crate) arguments: Histogram,
    pub(crate) queue: Histogram,
    pub(crate) run: Histogram,
    /// Calls by their ending.
    pub(crate) endings: Vec<Counter>,
    /// The handles for the pools of another name.
    pub(crate) next: Next,
}

pub(crate) type Next = OnceLock<Box<Meters>>;

const UNKNOWN: u8 = 0;
/// There was no recorder at the first call.
const MUTE: u8 = 1;
const LIVE: u8 = 2;

/// The meters of a function, which are a part of the function's `static`.
pub(crate) struct MeterSite {
    state: AtomicU8,
    /// Nearly every function has calls on one pool.
    first: Next,
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
        Self { state: AtomicU8::new(UNKNOWN), first: OnceLock::new() }
    }

    /// Whether there was no recorder at the first call.
    #[inline]
    pub(crate) fn is_mute(&self) -> bool {
        self.state.load(Ordering::Relaxed) == MUTE
    }

    /// Returns the meters for calls on `pool`; `None` if there was no recorder at the first call. `has_recorder` and `make`
    /// run the code of the recorder, under no lock.
    pub(crate) fn get(
        &'static self,
        pool: &Arc<str>,
        has_recorder: impl FnOnce() -> bool,
        make: impl FnOnce() -> Option<Meters>,
    ) -> Option<&'static Meters> {
        if self.state.load(Ordering::Relaxed) == UNKNOWN {
            self.state.store(if has_recorder() { LIVE } else { MUTE }, Ordering::Relaxed);
        }
        if self.is_mute() {
            return None;
        }
        let mut place = &self.first;
        while let Some(meters) = place.get() {
            if Arc::ptr_eq(&meters.pool, pool) || meters.pool == *pool {
                return Some(meters);
            }
            place = &meters.next;
        }
        // Two threads may make handles for the same series, which are one to the recorder.
        let mut meters = Box::new(make()?);
        loop {
            match place.set(meters) {
                Ok(()) => return place.get().map(Box::as_ref),
                Err(refused) => meters = refused,
            }
            place = &place.get()?.next;
        }
    }
}

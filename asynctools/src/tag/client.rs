//! Whether the current thread runs the code of somebody who watches calls.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::panics::survive;
use crate::sync::AtomicUsize;
use crate::sync::thread_local;

// Implementation
//
// A subscriber that calls an annotated function would hear of that call too, and call the function again, without end. So nobody
// hears of the calls that the code of a watcher makes, nor of those that the bodies of such calls make, on whichever thread.

thread_local! {
    /// Has no destructor, so a destructor of the user's may still call.
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

/// The watchers of all pools or of some, bit by bit: where nobody watches, a call looks at this number only.
static WATCHERS: AtomicUsize = AtomicUsize::new(0);

/// Code around the calls of all pools.
pub(crate) const AROUND: usize = 1;
/// Code around the calls of some pool.
pub(crate) const AROUND_SOME: usize = 2;
/// A recording of the program.
#[cfg(feature = "trace")]
pub(crate) const RECORDING: usize = 4;
/// The file that `ASYNCTOOLS_TRACE` names.
#[cfg(feature = "trace")]
pub(crate) const FILE: usize = 8;

/// Whether there is one of `watchers`.
#[inline]
pub(crate) fn has(watchers: usize) -> bool {
    WATCHERS.load(Ordering::Relaxed) & watchers != 0
}

/// Whether there is any watcher.
#[inline]
pub(crate) fn has_any() -> bool {
    WATCHERS.load(Ordering::Relaxed) != 0
}

pub(crate) fn set(watcher: usize, is_there: bool) {
    if is_there {
        WATCHERS.fetch_or(watcher, Ordering::Relaxed);
    } else {
        WATCHERS.fetch_and(!watcher, Ordering::Relaxed);
    }
}

/// Whether the current thread runs the code of a watcher.
#[inline]
pub(crate) fn is_here() -> bool {
    IS_CLIENT.with(Cell::get)
}

/// Says until the drop whether the current thread runs the code of a watcher.
pub(crate) struct Client {
    outer: bool,
}

/// Begins the code of a watcher.
#[inline]
pub(crate) fn enter() -> Client {
    Client { outer: IS_CLIENT.with(|is_client| is_client.replace(true)) }
}

/// Begins the body of a call, inside of the code of a watcher.
#[inline]
pub(crate) fn leave() -> Client {
    Client { outer: IS_CLIENT.with(|is_client| is_client.replace(false)) }
}

impl Drop for Client {
    #[inline]
    fn drop(&mut self) {
        IS_CLIENT.with(|is_client| is_client.set(self.outer));
    }
}

/// Runs code of a watcher. A panic is shown by the panic hook, and ends here: the result is `None`.
#[cfg_attr(not(any(feature = "tracing", feature = "metrics")), expect(dead_code, reason = "other watchers need it"))]
pub(crate) fn tell<R>(f: impl FnOnce() -> R) -> Option<R> {
    let _client = enter();
    let mut result = None;
    survive(|| result = Some(f()));
    result
}

/// A value of a watcher: its drop is the code of the watcher.
pub(crate) struct Owned<T>(Option<T>);

impl<T> Owned<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        let _client = enter();
        drop(self.0.take());
    }
}

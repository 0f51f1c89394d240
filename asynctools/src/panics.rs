//! The panic policy, in one place.
//!
//! A panic of the user's function, of a closure, of a `Clone` or a `From` is caught by the node that runs it
//! (`graph/node.rs`), becomes the outcome of that call, and reaches whoever waits for it. A panic in the `Drop` of what nobody
//! wants any more ends where it happens, in [`discard`]. No thread of ours dies of either.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::PoisonError;

use crate::sync::Mutex;
use crate::sync::MutexGuard;

/// Locks one of our mutexes. No user code runs under them, so a poisoned one still holds what it should.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops what is a user's, whatever its `Drop` does: a panic in there ends here, after the panic hook has shown it.
pub(crate) fn discard<T>(value: T) {
    let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(value))) else { return };
    // A payload may panic in its own `Drop` too, with another such payload: the third is not given the chance.
    if let Err(third) = catch_unwind(AssertUnwindSafe(|| drop(second))) {
        std::mem::forget(third);
    }
}

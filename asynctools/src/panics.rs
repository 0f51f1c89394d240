//! The panic policy, in one place.
//!
//! The work of a call catches the panic of the user's function or closure (`caught` in `error.rs`), and the source of an
//! argument catches that of a `Clone` (`arguments/cloned.rs`) or of a `From` (`arguments/incoming.rs`). The panic becomes
//! the outcome of the call, and reaches the waiter. A panic in the `Drop` of a value that the program no longer wants
//! ends where it happens, in [`discard`]. No thread of ours ends by either.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::PoisonError;

use crate::sync::Mutex;
use crate::sync::MutexGuard;

/// Locks one of our mutexes. No user code runs under our mutexes, so the data of a poisoned mutex is still right.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs code of the program where nobody waits for the outcome. The panic hook shows a panic, and the panic ends here.
pub(crate) fn survive(f: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(f)).map_err(discard);
}

/// A user's value that many own: whichever thread drops it last goes on, whatever the `Drop` does.
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    #[inline]
    pub(crate) fn get(&self) -> &T {
        let Some(value) = &self.0 else { unreachable!("only the drop takes the value") };
        value
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        discard(self.0.take());
    }
}

/// Drops a user's values, each by itself.
#[inline]
pub(crate) fn discard_all<T>(values: Vec<T>) {
    if values.capacity() == 0 {
        // As most calls leave it: there is nothing to drop, which the compiler does not see.
        std::mem::forget(values);
    } else {
        values.into_iter().for_each(discard);
    }
}

/// Drops a user's value. The panic hook shows a panic of the `Drop`, and the panic ends here.
pub(crate) fn discard<T>(value: T) {
    kept_in(|| drop(value));
}

/// Runs a user's function. The panic hook shows a panic, and the panic ends here.
pub(crate) fn kept_in<R>(f: impl FnOnce() -> R) -> Option<R> {
    let second = match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => return Some(result),
        Err(second) => second,
    };
    // The payload may panic in its own `Drop`, with another payload that does so too: the third payload is leaked.
    if let Err(third) = catch_unwind(AssertUnwindSafe(|| drop(second))) {
        std::mem::forget(third);
    }
    None
}

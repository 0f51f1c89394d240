//! `hand_over`: a call that another engine runs.

use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::handles::promise::Promise;
use crate::handles::value::AsyncValue;

static HAND_OVER: Function = Function::method("hand_over");

/// Hands a call over to another engine: returns the handle whose promise `start` gets.
///
/// `start` runs at once, on this thread; it gives the promise to whoever computes the value, and returns.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// let sum = asynctools::hand_over(|promise| {
///     thread::spawn(|| promise.set(2 + 3));
/// });
/// assert_eq!(sum.get(), 5);
/// ```
#[track_caller]
pub fn hand_over<T: Send + 'static>(start: impl FnOnce(Promise<T>)) -> AsyncValue<T> {
    let (promise, value) = AsyncValue::promise_at(CallSite::here(&HAND_OVER));
    start(promise);
    value
}

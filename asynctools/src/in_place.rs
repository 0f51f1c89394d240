//! `block_in_place`: a wait that a pool cannot see.

use std::rc::Rc;

use crate::graph::current::CurrentWorker;
use crate::graph::current::current;
use crate::graph::notify;

/// Runs `f` on the current thread, and meanwhile frees the place of the call that runs here: another call of the pool may run.
///
/// This is for a wait that the pool cannot see: for a channel, a lock, a child process, an executor's `block_on`, a sleep between
/// two attempts. [`get`](crate::AsyncValue::get) and the other waits of this crate free the place by themselves.
///
/// The call has its place again as soon as `f` has returned or panicked, so for a moment more than `workers` calls may run.
/// The pool lends the place as the place of a call in a wait: to at most `max_blocked` other calls. Outside of a call,
/// `block_in_place` only runs `f`; inside of another `block_in_place` too. No call runs on this thread because of it.
///
/// # Examples
///
/// ```
/// use asynctools::{Pool, block_in_place};
/// use std::sync::mpsc;
///
/// let pool = Pool::new(1);
/// let (sender, receiver) = mpsc::channel();
/// let waits = pool.spawn(move || block_in_place(|| receiver.recv()));
/// pool.spawn(move || sender.send(5)).detach(); // runs on the place of the call before
/// assert_eq!(waits.get(), Ok(5));
/// ```
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    let Some(worker) = current() else { return f() };
    notify::before_blocking();
    let _away = worker.leave().then(|| Away(worker));
    f()
}

/// Keeps the place of a worker free, until the drop.
struct Away(Rc<dyn CurrentWorker>);

impl Drop for Away {
    fn drop(&mut self) {
        self.0.come_back();
    }
}

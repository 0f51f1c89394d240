//! `block_in_place`: a wait that a pool cannot see.

use std::rc::Rc;

use crate::graph::current::CurrentWorker;
use crate::graph::current::current;
use crate::graph::notify;

/// Runs `f` on the current thread, and meanwhile frees the place of the call.
///
/// Another call of the pool may run in that place.
///
/// This is for a wait that the pool cannot see: for a channel, a lock, a child process, an executor's `block_on`, a sleep between
/// two attempts. [`get`](crate::AsyncValue::get) and the other waits of this crate free the place by themselves.
///
/// A handle's own [`get`](crate::AsyncValue::get) does more: it has the pool run the awaited call first. By
/// `block_in_place(|| block_on(handle))` the pool learns only that a place is free, so nested calls that wait like that
/// stand still when `max_blocked` places are lent.
///
/// Outside of a call, `block_in_place` only runs `f`; inside of another `block_in_place` too. No call runs on this thread
/// because of it.
///
/// # How many calls run
///
/// The pool lends the place as the place of a call in a wait: to at most `max_blocked` other calls. The call has its place
/// again as soon as `f` has returned or panicked, also while another call still runs on the lent place. So up to
/// `workers + max_blocked` calls of the pool run at once, which is twice `workers` if nothing else was specified: for a
/// moment if calls come back now and then, and most of the time if the pool has much to do.
///
/// Where `workers` limits something outside of the program, such as connections, make the limited part a call of its own, and
/// the loop around it a call of another pool: the calls of the limited pool wait for nothing, so at most `workers` run.
///
/// ```
/// use asynctools::{AsyncList, block_in_place, pooled};
/// use std::{thread, time::Duration};
///
/// /// At most two connections at once.
/// #[pooled(workers = 2)]
/// fn ask(server: u32, attempt: u32) -> Result<u32, String> {
///     if attempt < 3 { Err("too busy".to_owned()) } else { Ok(server) }
/// }
///
/// /// On another pool: a pause holds no connection, and the next attempt waits for its turn.
/// #[pooled]
/// fn ask_again(server: u32) -> Result<u32, String> {
///     let mut attempt = 1;
///     loop {
///         match ask(server, attempt).get() {
///             Err(_) if attempt < 5 => attempt += 1,
///             result => return result,
///         }
///         block_in_place(|| thread::sleep(Duration::from_millis(1)));
///     }
/// }
///
/// let answers: AsyncList<_> = (0..6).map(ask_again).collect();
/// assert_eq!(answers.all_ok().unwrap(), [0, 1, 2, 3, 4, 5]);
/// ```
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

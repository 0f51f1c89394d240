//! `serial`: calls on the thread that makes them, for a debugger.

use crate::graph::serial;

/// Runs `f`, and meanwhile runs each call of a pool on the thread that makes it.
///
/// The calls that this thread makes run at the call. For debuggers and profilers, which then see one thread and one stack,
/// and to find out whether a fault comes from threads.
///
/// The environment variable `ASYNCTOOLS_SERIAL=1` does the same for all threads of the process, without a change of the program.
///
/// - A call with arguments that are still to come runs on the thread that brings the last one, in the order in which calls get
///   ready; this thread does not recurse over such calls. A call that is ready and waits for its turn can still be cancelled by
///   its handle, but stands in no queue, so [`cancel_queued`](crate::Pool::cancel_queued) passes over the call.
/// - Results, losses, paths and counts are the same. A call without arguments to come has ended when its handle is there, so
///   `cancel` comes too late, [`first`](crate::AsyncList::first) runs all calls of the list before, and a dropped handle drops
///   the result on this thread.
/// - The pool starts no thread for a call, so its names, hooks and stack sizes have no effect, and the system refuses no thread.
/// - The number of workers and the limit of the queue do not count: a call runs at once although other threads, or the calls below
///   on the stack, run as many calls of the pool as the pool has workers.
/// - A paused pool queues its calls, up to its limit, and runs those in the queue on its workers when the pause is over. A closed
///   pool refuses its calls.
/// - A call of [`#[parallel]`](macro@crate::parallel) still gets a thread, because the program may rely on such calls running
///   beside each other; `ASYNCTOOLS_SERIAL=all` runs these calls serially too.
/// - A function that calls itself uses the stack of this thread, as a plain function does.
/// - A call runs on top of the caller's stack, so a lock that the caller holds while it makes a call is held while the call
///   runs: a call that wants the same lock hangs, where a worker would have waited until the caller unlocks. The same holds for a
///   caller that sets a promise or drops the last argument to come. Unlock before the call.
/// - A call made by a `Drop` while this thread unwinds runs inside of the unwinding, where
///   [`thread::panicking`](std::thread::panicking) is true.
/// - Two calls made by one thread never run beside each other, and the caller goes on after the call. So a call that waits for a
///   later call or for the caller, by a channel or a barrier, hangs.
///
/// # Panics
///
/// If `f` panics; the thread leaves the mode before.
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
/// use std::thread;
///
/// let pool = Pool::new(4);
/// let here = thread::current().id();
/// let threads = asynctools::serial(|| pool.map(0..3, |_| thread::current().id()).get());
/// assert_eq!(threads, [here; 3]);
/// ```
pub fn serial<R>(f: impl FnOnce() -> R) -> R {
    let _serial = serial::enter();
    f()
}

//! Promises that were broken once, about what is left behind by a thread, a pool or a call that ends.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;

use crate::helpers::DropCounter;
#[cfg(target_os = "linux")]
use crate::helpers::until;
use crate::helpers::watched;
use crate::process::alone;
use crate::process::threads_named;

/// The destructor waited for the end of the thread that it ran on, and another thread for that of the destructor.
#[test]
fn the_thread_locals_of_a_worker_may_close_its_pool() {
    struct Closes(Arc<Pool>, DropCounter);
    impl Drop for Closes {
        fn drop(&mut self) {
            // The other thread has time to get to where it waits for this one.
            (0..100).for_each(|_| thread::yield_now());
            self.0.close();
            drop(self.1.token());
        }
    }
    thread_local!(static KEPT: RefCell<Option<Closes>> = const { RefCell::new(None) });
    watched(|| {
        for _ in 0..50 {
            let (pool, closed) = (Arc::new(Pool::new(1)), DropCounter::new());
            let last = Closes(pool.clone(), closed.clone());
            pool.spawn(|| KEPT.set(Some(last))).get();
            pool.close();
            assert_eq!(closed.count(), 1, "a thread of the pool has not ended");
        }
    });
}

/// A thread that had destroyed its list of what is still to be told told it by recursion.
#[test]
fn a_long_chain_may_end_with_a_thread() {
    thread_local!(static KEPT: RefCell<Option<Promise<u32>>> = const { RefCell::new(None) });
    watched(|| {
        for used_before in [true, false] {
            let (promise, first) = AsyncValue::promise();
            let last = (0..200_000).fold(first, |link, _| link.map(|n| n + 1));
            let keeper = thread::spawn(move || {
                let tell_something = || {
                    let (promise, value) = AsyncValue::promise();
                    let next = value.map(|n: u32| n);
                    promise.set(5);
                    assert_eq!(next.get(), 5);
                };
                // The thread-locals that are used first are destroyed first, or last: that is the system's choice.
                if used_before {
                    tell_something();
                }
                KEPT.set(Some(promise));
                tell_something();
            });
            keeper.join().expect("nothing panics");
            assert!(matches!(last.outcome().map_err(|error| error.root().clone()), Err(TaskError::Abandoned)));
        }
    });
}

/// A line of what the system knows of the memory of this process, in KiB.
#[cfg(target_os = "linux")]
fn memory(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system shows memory");
    let value = status.lines().find_map(|known| known.strip_prefix(line)).expect("the line is there");
    value.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

/// The stack of every thread that had ended was kept until somebody closed the pool from outside.
#[cfg(target_os = "linux")]
#[test]
fn a_pool_that_is_closed_from_inside_keeps_no_ended_threads() {
    alone(|| {
        let pool = Pool::builder().workers(1).stack_size(16 << 20).name("leaver").build().expect("nothing to refuse");
        let pool = Arc::new(pool);
        let inner = pool.clone();
        let grown = pool.spawn(move || {
            inner.close();
            let before = memory("VmSize:");
            for _ in 0..300 {
                // A wait with an end leaves the call to another thread.
                assert!(inner.spawn(|| ()).wait_timeout(Duration::from_secs(3_600)));
                until("that has ended", || threads_named("leaver") == 1);
            }
            memory("VmSize:").saturating_sub(before)
        });
        let grown = grown.get();
        assert!(grown < 1 << 20, "{grown} KiB are 300 stacks of 16 MiB");
    });
}

/// What was left of a cancelled call stood in the queue of a paused pool for ever.
#[cfg(target_os = "linux")]
#[test]
fn cancelled_calls_leave_nothing_in_a_queue() {
    alone(|| {
        let (pool, before) = (Pool::new(0), memory("VmRSS:"));
        for _ in 0..100_000 {
            let large = [1_u8; 2_000];
            assert!(pool.spawn(move || large.len()).cancel());
        }
        let grown = memory("VmRSS:").saturating_sub(before);
        assert!(grown < 50_000, "{grown} KiB");
        assert_eq!((pool.stats().queued, pool.stats().cancelled), (0, 100_000));
    });
}

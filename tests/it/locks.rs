//! A lock of the user's, held across a wait: safe where the awaited call, and all that it needs, do not want it.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::pooled;

use crate::helpers::Gate;
use crate::helpers::watched;

const LONG: Duration = Duration::from_secs(50);

/// A pool, a lock, and calls that want it.
#[derive(Clone)]
struct Site {
    pool: Arc<Pool>,
    lock: Arc<Mutex<u32>>,
}

impl Site {
    fn new(workers: usize) -> Self {
        Self { pool: Arc::new(Pool::new(workers)), lock: Arc::default() }
    }

    fn wanting(&self) -> AsyncList<()> {
        let lock = self.lock.clone();
        self.pool.map(0..10, move |_| *lock.lock().expect("nobody panics with it") += 1)
    }

    /// Waits for what `make` makes with the lock held, while calls that want it stand in the queue before and behind.
    fn hold(&self, make: impl FnOnce(&Site) -> AsyncValue<u32>, wait: impl FnOnce(AsyncValue<u32>) -> u32) -> u32 {
        let guard = self.lock.lock().expect("nobody panics with it");
        let before = self.wanting();
        let call = make(self);
        let behind = self.wanting();
        let result = wait(call);
        drop(guard);
        before.wait();
        behind.wait();
        result
    }

    #[pooled(pool = self.pool)]
    fn add(&self, a: u32, b: u32) -> u32 {
        a + b
    }
}

type Wait = fn(AsyncValue<u32>) -> u32;

const WAITS: [(&str, Wait); 6] = [
    ("get", AsyncValue::get),
    ("get_timeout", |call| call.get_timeout(LONG).expect("in time")),
    ("outcome", |call| call.outcome().expect("it has a value")),
    ("shared", |call| *call.shared().get()),
    ("first", |call| AsyncList::from(vec![call]).first().expect("it has a value")),
    ("as_completed", |call| AsyncList::from(vec![call]).as_completed().map(|(_, end)| end.expect("a value")).sum()),
];

/// Each wait, on pools of one and two workers, in as many calls at once as there are workers and more.
fn held(make: fn(&Site) -> AsyncValue<u32>, expected: u32) {
    for workers in 1..=2 {
        for (name, wait) in WAITS {
            let site = Site::new(workers);
            let inner = site.clone();
            let calls = site.pool.map(0..3, move |_| inner.hold(make, wait));
            assert_eq!(calls.get(), [expected; 3], "{name} on {workers}");
            assert_eq!(*site.lock.lock().expect("nobody panics with it"), 60);
        }
    }
}

#[test]
fn for_a_queued_call() {
    watched(|| held(|site| site.pool.spawn(|| 5), 5));
}

#[test]
fn for_calls_in_a_row() {
    watched(|| held(|site| site.pool.spawn(|| 5).map(|n| n + 1).map(|n| n + 1), 7));
}

#[test]
fn for_dataflow() {
    watched(|| {
        held(
            |site| {
                let (a, b) = (site.add(1, 2), site.add(3, 4));
                site.add(site.add(&a, b), a)
            },
            13,
        );
    });
}

/// The awaited call becomes ready while its waiter is blocked, when calls that want the lock stand before it.
#[test]
fn for_a_call_that_becomes_ready_later() {
    watched(|| {
        for workers in 1..=2 {
            for (name, wait) in WAITS {
                let site = Site::new(workers);
                let (promise, value) = AsyncValue::promise();
                let held = Gate::new();
                let (inner, holds) = (site.clone(), held.clone());
                let call = site.pool.spawn(move || {
                    inner.hold(
                        |site| {
                            let call = site.add(value, 1);
                            holds.open();
                            call
                        },
                        wait,
                    )
                });
                held.pass();
                // The call waits for a promise; with one worker, a call that wants the lock has the permit.
                crate::helpers::until("the waiter is blocked", || site.pool.stats().blocked == 1);
                promise.set(4);
                assert_eq!(call.get(), 5, "{name} on {workers}");
            }
        }
    });
}

/// Beyond half of the stack a waiter runs nothing: the spare that takes the permit starts with the awaited call.
#[test]
fn at_the_stack_limit() {
    /// Calls `then` with nine of sixteen MiB of the stack used.
    #[inline(never)]
    #[expect(clippy::large_stack_arrays, reason = "a stack is what this fills")]
    fn deep(base: usize, then: &mut dyn FnMut() -> u32) -> u32 {
        let frame = std::hint::black_box([0_u8; 64 * 1024]);
        let used = base.abs_diff((&raw const frame).addr());
        (if used < 9 << 20 { deep(base, then) } else { then() }) + u32::from(frame[used % 7])
    }
    watched(|| {
        for workers in 1..=2 {
            for (name, wait) in WAITS {
                let built = Pool::builder().workers(workers).stack_size(16 << 20).build().expect("nothing to refuse");
                let site = Site { pool: Arc::new(built), ..Site::new(0) };
                let inner = site.clone();
                let call = site.pool.spawn(move || {
                    let base = (&raw const inner).addr();
                    deep(base, &mut || inner.hold(|site| site.pool.spawn(|| 5).map(|n| n + 1), wait))
                });
                assert_eq!(call.get(), 6, "{name} on {workers}");
            }
        }
    });
}

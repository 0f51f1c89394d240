//! The number of workers changes while calls run.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use shuttle::sync::Barrier;
use shuttle::thread;

use crate::check;
use crate::helpers::Ceiling;
use crate::helpers::pause;
use crate::helpers::shared;
use crate::helpers::with_spares;

#[test]
fn a_pause_and_its_end() {
    check(|| {
        let pool = shared(1);
        let before = pool.spawn(|| 1);
        pool.set_workers(0);
        let resumed = Arc::new(AtomicBool::new(false));
        let seen = resumed.clone();
        let after = pool.spawn(move || seen.load(Ordering::SeqCst));
        let opener = thread::spawn({
            let pool = pool.clone();
            move || {
                resumed.store(true, Ordering::SeqCst);
                pool.set_workers(1);
            }
        });
        assert!(after.get(), "it started in the pause");
        assert_eq!(before.get(), 1);
        opener.join().expect("it ended well");
    });
}

#[test]
fn a_pause_while_a_call_waits() {
    check(|| {
        let pool = with_spares(1);
        let inside = pool.clone();
        let outer = pool.spawn(move || {
            let inner = inside.spawn(|| 1);
            pause();
            inner.get() + 1
        });
        let resizer = thread::spawn({
            let pool = pool.clone();
            move || {
                pool.set_workers(0);
                pool.set_workers(1);
            }
        });
        assert_eq!(outer.get(), 2);
        resizer.join().expect("it ended well");
        pool.close();
    });
}

#[test]
fn shrinking_and_growing_while_calls_run() {
    check(|| {
        let pool = shared(2);
        let ceiling = Ceiling::of(2);
        let calls = pool.map(0..3, move |n| ceiling.within(|| n));
        pool.set_workers(1);
        // Calls that began before may still run beside the first of these.
        let lower = Ceiling::of(1);
        assert_eq!(calls.get(), [0, 1, 2]);
        let calls = pool.map(0..2, move |n| lower.within(|| n));
        assert_eq!(calls.get(), [0, 1]);
        pool.set_workers(2);
        let barrier = Arc::new(Barrier::new(2));
        pool.map([barrier.clone(), barrier], |barrier| barrier.wait().is_leader()).get();
    });
}

#[test]
fn a_surplus_worker_takes_no_call() {
    check(|| {
        let pool = shared(2);
        let barrier = Arc::new(Barrier::new(3));
        let before = pool.map([barrier.clone(), barrier.clone()], |barrier| {
            barrier.wait();
            barrier.wait();
        });
        // Both run.
        barrier.wait();
        pool.set_workers(1);
        let ceiling = Ceiling::of(1);
        let after = pool.map(0..3, move |n| ceiling.within(|| n));
        barrier.wait();
        assert_eq!(after.get(), [0, 1, 2]);
        before.get();
    });
}

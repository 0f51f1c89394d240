//! Live resizing: up, down, to nothing and back.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;

use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::until;
use crate::helpers::watched;

#[test]
fn up_starts_waiting_calls() {
    watched(|| {
        let (pool, gate) = (Pool::new(1), Gate::new());
        let at_gate = gate.clone();
        let calls = pool.map(0..10, move |_| at_gate.pass());
        gate.wait_for(1);
        for workers in [2, 4, 7] {
            pool.set_workers(workers);
            gate.wait_for(workers);
            let stats = pool.stats();
            assert_eq!((pool.workers(), stats.running, stats.queued), (workers, workers, 10 - workers));
        }
        gate.open();
        calls.wait();
    });
}

#[test]
fn down_holds_for_the_calls_that_follow() {
    watched(|| {
        let (pool, gate, gauge) = (Pool::new(4), Gate::new(), Gauge::new());
        let at_gate = gate.clone();
        let before = pool.map(0..4, move |_| at_gate.pass());
        gate.wait_for(4);
        pool.set_workers(2);
        assert_eq!((pool.workers(), pool.stats().running), (2, 4), "running calls are not interrupted");
        let inside = gauge.clone();
        let after = pool.map(0..200, move |_| {
            let _inside = inside.enter();
            thread::yield_now();
        });
        gate.open();
        before.wait();
        after.wait();
        assert!(gauge.most() <= 2, "{} ran at once", gauge.most());
        until("the others have left", || pool.stats().spares == 0 && pool.stats().idle == 2);
    });
}

#[test]
fn a_paused_pool_keeps_its_calls() {
    watched(|| {
        let pool = Pool::new(0);
        let calls = pool.map(0..100, |n| n);
        let chained = pool.spawn(|| 1).map(|n| n + 1);
        assert_eq!((pool.stats().queued, pool.stats().running), (101, 0));
        assert!(!calls.iter().any(AsyncValue::is_finished));
        pool.set_workers(3);
        assert_eq!(calls.get(), (0..100).collect::<Vec<_>>());
        assert_eq!(chained.get(), 2);
    });
}

/// No call that is submitted after the pause starts where the pool has lent a permit beyond its limit, for a call that was
/// cancelled before the thread came for it.
#[test]
fn a_pause_is_strict_beyond_the_limit() {
    watched(|| {
        let (gate, gone, threads) = (Gate::new(), Gate::new(), AtomicUsize::new(0));
        let (at_gate, leaves) = (gate.clone(), gone.clone());
        gone.open();
        let pool = Pool::builder().workers(1).max_blocked(0).on_thread_start(move || {
            if threads.fetch_add(1, Ordering::SeqCst) == 1 {
                at_gate.pass();
            }
        });
        let pool = pool.on_thread_stop(move || leaves.pass()).build().expect("it has a worker");
        let (promise, value) = AsyncValue::<u8>::promise();
        let blocked = pool.spawn(move || value.get());
        until("the call waits", || pool.stats().blocked == 1);
        // The blocked call waits for a promise, which this call may be about to set.
        let lent = pool.spawn(|| 0);
        gate.wait_for(1);
        assert!(lent.cancel());
        pool.set_workers(0);
        let started = Arc::new(AtomicBool::new(false));
        let start = started.clone();
        let after = pool.spawn(move || start.store(true, Ordering::SeqCst));
        gate.open();
        // The thread found nothing that it may run, and leaves as a spare.
        gone.wait_for(1);
        assert!(!started.load(Ordering::SeqCst), "started in the pause");
        promise.set(5);
        assert_eq!(blocked.get(), 5);
        pool.set_workers(1);
        after.get();
    });
}

/// A thread in the place of a blocked call runs what that call needs, and no more of it in a pause.
#[test]
fn a_pause_is_strict_for_the_needs_of_a_timed_wait() {
    watched(|| {
        let (gate, paused, gone) = (Gate::new(), Gate::new(), Gate::new());
        let (at_gate, leaves) = (gate.clone(), gone.clone());
        let _opener = gate.opener();
        gone.open();
        paused.open();
        let pool = Pool::builder().workers(1).on_thread_stop(move || leaves.pass()).build().expect("it has a worker");
        let pool = Arc::new(pool);
        let started = Arc::new(AtomicBool::new(false));
        let ((first, one), (second, two)) = (AsyncValue::promise(), AsyncValue::<()>::promise());
        let (inner, start, has_paused) = (pool.clone(), started.clone(), paused.clone());
        let call = pool.spawn(move || {
            let needed = inner.spawn(move || at_gate.pass());
            let mut calls = AsyncList::from([one, needed.zip(two).map(drop)]).as_completed();
            let (index, _) = calls.next_timeout(Duration::MAX / 4).unwrap().expect("there are two");
            assert_eq!(index, 0);
            inner.set_workers(0);
            let late = inner.spawn(move || start.store(true, Ordering::SeqCst));
            calls.push(late);
            has_paused.pass();
            let ends = [calls.next_timeout(Duration::MAX / 4), calls.next_timeout(Duration::MAX / 4)];
            ends.map(|end| end.unwrap().expect("there are two left").0)
        });
        gate.wait_for(1);
        first.set(());
        paused.wait_for(1);
        until("it waits in the pause", || pool.stats().blocked == 1);
        gate.open();
        // The thread found nothing that it may run, and leaves as a spare.
        gone.wait_for(1);
        assert!(!started.load(Ordering::SeqCst), "started in the pause");
        second.set(());
        until("the second has come", || pool.stats().finished >= 1);
        pool.set_workers(1);
        assert_eq!(call.get(), [1, 2]);
    });
}

/// The thread runs calls for a call of another pool, since as many calls of its own pool have begun as may.
#[test]
fn a_pause_is_strict_for_the_needs_of_another_pool() {
    watched(|| {
        let (gate, paused, gone) = (Gate::new(), Gate::new(), Gate::new());
        let (at_gate, leaves) = (gate.clone(), gone.clone());
        let _opener = gate.opener();
        gone.open();
        paused.open();
        let pool = Pool::builder().workers(1).max_blocked(0).on_thread_stop(move || leaves.pass());
        let pool = Arc::new(pool.build().expect("it has a worker"));
        let started = Arc::new(AtomicBool::new(false));
        let (last, value) = AsyncValue::<()>::promise();
        let blocked = pool.spawn(move || value.get());
        until("its limit is reached", || pool.stats().blocked == 1);
        let ((first, one), other) = (AsyncValue::promise(), Pool::new(1));
        let (inner, start, has_paused) = (pool.clone(), started.clone(), paused.clone());
        let call = other.spawn(move || {
            let needed = inner.spawn(move || at_gate.pass());
            let mut calls = AsyncList::from([one, needed]).as_completed();
            assert_eq!(calls.next().expect("there are two").0, 0);
            inner.set_workers(0);
            let late = inner.spawn(move || start.store(true, Ordering::SeqCst));
            calls.push(late);
            has_paused.pass();
            [calls.next(), calls.next()].map(|end| end.expect("there are two left").0)
        });
        gate.wait_for(1);
        first.set(());
        paused.wait_for(1);
        until("it waits in the pause", || other.stats().blocked == 1);
        gate.open();
        gone.wait_for(1);
        assert!(!started.load(Ordering::SeqCst), "started in the pause");
        // A thread comes for it, although as many calls have begun as may.
        pool.set_workers(1);
        assert_eq!(call.get(), [1, 2]);
        assert!(!blocked.is_finished());
        last.set(());
        blocked.get();
    });
}

/// No call that is submitted after the pause starts: not in a busy pool, and not where workers just look for one.
#[test]
fn a_pause_is_strict() {
    watched(|| {
        for round in 0..2_000 {
            let (pool, started) = (Pool::new(2), Arc::new(AtomicBool::new(false)));
            let before = pool.map(0..round % 20, |_| thread::yield_now());
            if round % 2 == 0 {
                before.wait();
            }
            pool.set_workers(0);
            let start = started.clone();
            let after = pool.map(0..5, move |_| start.store(true, Ordering::SeqCst));
            until("the running calls have ended", || pool.stats().running == 0);
            assert!(!started.load(Ordering::SeqCst), "started in the pause");
            assert_eq!(after.cancel(), 5);
            pool.set_workers(1);
            before.wait();
        }
    });
}

#[test]
fn a_pause_lets_running_calls_end() {
    watched(|| {
        let (pool, gate) = (Pool::new(2), Gate::new());
        let at_gate = gate.clone();
        let running = pool.map(0..2, move |n| (at_gate.pass(), n).1);
        gate.wait_for(2);
        pool.set_workers(0);
        assert_eq!(pool.stats().running, 2);
        gate.open();
        assert_eq!(running.get(), [0, 1]);
    });
}

/// A running call may run what it waits for; no spare comes in a pause.
#[test]
fn a_running_call_waits_through_a_pause() {
    watched(|| {
        let (pool, gate) = (Arc::new(Pool::new(1)), Gate::new());
        let (inner, at_gate) = (pool.clone(), gate.clone());
        let call = pool.spawn(move || {
            at_gate.pass();
            inner.spawn(|| 5).get() + 1
        });
        gate.wait_for(1);
        pool.set_workers(0);
        gate.open();
        assert_eq!(call.get(), 6);
        pool.set_workers(1);
    });
}

#[test]
fn from_inside_a_call() {
    watched(|| {
        let (pool, gate) = (Arc::new(Pool::new(1)), Gate::new());
        let (inner, at_gate) = (pool.clone(), gate.clone());
        let calls = pool.map(0..3, move |n| {
            if n == 0 {
                inner.set_workers(3);
            }
            at_gate.pass();
            if n == 0 {
                inner.set_workers(0);
            }
        });
        gate.wait_for(3);
        gate.open();
        calls.wait();
        let paused = pool.spawn(|| 5);
        assert!(!paused.is_finished());
        pool.set_workers(1);
        assert_eq!(paused.get(), 5);
    });
}

/// Plain, nested and following calls from four threads, while the target goes up and down all the time.
#[test]
fn under_load_nothing_is_lost() {
    watched(|| {
        let (pool, done) = (Arc::new(Pool::new(2)), AtomicBool::new(false));
        thread::scope(|scope| {
            let resizer = scope.spawn(|| {
                let mut rounds = 0;
                while !done.load(Ordering::SeqCst) {
                    for workers in [0, 1, 4, 2, 3, 0, 2] {
                        pool.set_workers(workers);
                        thread::yield_now();
                    }
                    rounds += 1;
                }
                pool.set_workers(2);
                rounds
            });
            let submitters: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..25 {
                            let inner = pool.clone();
                            let plain = pool.map(0..20, |n| n);
                            let nested = pool.map(0..20, move |n| inner.spawn(move || n).get());
                            let followed: AsyncList<_> =
                                pool.map(0..20, |n| n).into_iter().map(|n| n.map(|n| n)).collect();
                            for list in [plain, nested, followed] {
                                assert_eq!(list.get().into_iter().sum::<i32>(), 190);
                            }
                        }
                    })
                })
                .collect();
            for submitter in submitters {
                submitter.join().expect("nothing is lost");
            }
            done.store(true, Ordering::SeqCst);
            assert!(resizer.join().expect("`set_workers` does not panic") > 0);
        });
        pool.close();
        let stats = pool.stats();
        assert_eq!((stats.finished, stats.queued, stats.running, stats.blocked), (4 * 25 * 100, 0, 0, 0));
    });
}

#[test]
fn of_a_closed_pool_does_nothing() {
    watched(|| {
        let pool = Pool::new(2);
        pool.close();
        pool.set_workers(5);
        assert!(pool.is_closed());
        assert!(pool.spawn(|| ()).is_error());
    });
}

//! The end of a pool: every call that was taken ends, every handle ends, and the threads are gone.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Census;
use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::fib;
use crate::helpers::until;
use crate::helpers::watched;

/// A way of calls, each of which needs the next one.
const LONG: usize = 150_000;

/// Opens the gate as soon as `holds` does, on another thread.
fn open_when(gate: &Gate, what: &'static str, holds: impl Fn() -> bool + Send + 'static) -> thread::JoinHandle<()> {
    let gate = gate.clone();
    thread::spawn(move || {
        until(what, holds);
        gate.open();
    })
}

#[test]
fn close_runs_what_is_queued() {
    watched(|| {
        let (pool, gate, census) = (Arc::new(Pool::new(2)), Gate::new(), Census::new());
        let (at_gate, seen) = (gate.clone(), census.clone());
        let calls = pool.map(0..100, move |n| {
            seen.note();
            at_gate.pass();
            n
        });
        gate.wait_for(2);
        let watched = pool.clone();
        let opener = open_when(&gate, "the pool is closed", move || watched.is_closed());
        pool.close();
        assert_eq!(census.now(), 0, "a worker is still there");
        assert!(calls.is_finished());
        assert_eq!(calls.get(), (0..100).collect::<Vec<_>>());
        opener.join().expect("the gate was opened");
    });
}

#[test]
fn drop_waits_for_the_calls() {
    watched(|| {
        let (pool, gate, ended) = (Pool::new(1), Gate::new(), Arc::new(AtomicBool::new(false)));
        let (at_gate, end) = (gate.clone(), ended.clone());
        pool.map(0..3, move |n| {
            at_gate.pass();
            end.store(n == 2, Ordering::SeqCst);
        })
        .into_iter()
        .for_each(AsyncValue::detach);
        gate.wait_for(1);
        let gate = gate.clone();
        let opener = thread::spawn(move || gate.open());
        drop(pool);
        assert!(ended.load(Ordering::SeqCst));
        opener.join().expect("the gate was opened");
    });
}

#[test]
fn a_closed_pool_takes_no_calls() {
    static POOL: Pool = Pool::new(1);
    #[pooled(pool = POOL)]
    fn late(_token: crate::helpers::Token) -> u32 {
        5
    }
    watched(|| {
        POOL.close();
        assert!(POOL.is_closed());
        let drops = DropCounter::new();
        let call = late(drops.token());
        assert!(call.is_finished() && call.is_error());
        assert_eq!(drops.count(), 1, "its argument is dropped");
        assert!(matches!(call.outcome(), Err(TaskError::Closed)));
        let payload = thread::spawn(move || late(drops.token()).get()).join().expect_err("it is closed");
        let text = payload.downcast_ref::<String>().expect("a message");
        assert!(text.contains("late (") && text.contains("shutdown.rs:") && text.contains("closed"), "{text}");
        assert!(POOL.map(0..3, |n| n).outcomes().iter().all(|end| matches!(end, Err(TaskError::Closed))));
        assert_eq!((POOL.stats().finished, POOL.stats().queued), (0, 0));
    });
}

#[test]
fn close_as_often_as_you_like() {
    watched(|| {
        let unused = Pool::new(3);
        unused.close();
        unused.close();
        assert!(unused.close_timeout(Duration::ZERO));

        let (pool, gate) = (Pool::new(2), Gate::new());
        let at_gate = gate.clone();
        let calls = pool.map(0..10, move |n| (at_gate.pass(), n).1);
        let all = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    all.wait();
                    pool.close();
                    assert!(calls.is_finished(), "returned too early");
                });
            }
            all.wait();
            gate.open();
        });
        assert_eq!(calls.get().len(), 10);
    });
}

#[test]
fn close_for_a_time() {
    watched(|| {
        let (pool, gate) = (Pool::new(1), Gate::new());
        let at_gate = gate.clone();
        let call = pool.spawn(move || at_gate.pass());
        assert!(!pool.close_timeout(Duration::ZERO));
        assert!(!pool.close_timeout(Duration::from_millis(5)));
        assert!(pool.is_closed());
        gate.open();
        assert!(pool.close_timeout(Duration::MAX));
        assert!(call.is_finished());
    });
}

#[test]
fn close_from_inside_does_not_wait_for_itself() {
    watched(|| {
        let (pool, gate) = (Arc::new(Pool::new(2)), Gate::new());
        let (inner, at_gate) = (pool.clone(), gate.clone());
        let calls = pool.map(0..10, move |n| {
            at_gate.pass();
            inner.close();
            assert!(!inner.close_timeout(Duration::MAX));
            n
        });
        gate.open();
        // Each of them closes it; those behind run nevertheless.
        assert_eq!(calls.get(), (0..10).collect::<Vec<_>>());
        assert!(pool.is_closed() && pool.spawn(|| ()).is_error());
        assert!(pool.close_timeout(Duration::MAX));
    });
}

/// The last owner of the pool is one of its own calls.
#[test]
fn drop_inside_a_call() {
    watched(|| {
        let (pool, gate) = (Arc::new(Pool::new(2)), Gate::new());
        let (owner, at_gate, census) = (pool.clone(), gate.clone(), Census::new());
        let seen = census.clone();
        let last = pool.spawn(move || {
            seen.note();
            at_gate.pass();
            drop(owner);
            5
        });
        let queued = pool.map(0..10, |n| n);
        gate.wait_for(1);
        drop(pool);
        gate.open();
        assert_eq!((last.get(), queued.get().len()), (5, 10));
        until("the worker is gone", || census.now() == 0);
    });
}

/// What is running may go on to make calls: they are taken until the pool has drained.
#[test]
fn calls_in_flight_may_nest() {
    watched(|| {
        for workers in [1, 2, 3] {
            let (pool, gate) = (Arc::new(Pool::new(workers)), Gate::new());
            let (inner, at_gate) = (pool.clone(), gate.clone());
            let call = pool.spawn(move || {
                at_gate.pass();
                fib(&inner, 12)
            });
            gate.wait_for(1);
            assert!(!pool.close_timeout(Duration::ZERO));
            gate.open();
            assert_eq!(call.get(), 144);
            pool.close();
        }
    });
}

#[test]
fn close_of_a_paused_pool() {
    watched(|| {
        let pool = Pool::new(0);
        let calls = pool.map(0..5, |n| n);
        pool.close();
        assert!(calls.outcomes().iter().all(|end| matches!(end, Err(TaskError::Closed))));

        // Paused while a call runs: that one ends, those behind it are closed.
        let (pool, gate) = (Arc::new(Pool::new(1)), Gate::new());
        let at_gate = gate.clone();
        let running = pool.spawn(move || at_gate.pass());
        gate.wait_for(1);
        pool.set_workers(0);
        let queued = pool.spawn(|| ());
        let watched = pool.clone();
        let opener = open_when(&gate, "the pool is closed", move || watched.is_closed());
        pool.close();
        assert!(running.outcome().is_ok());
        assert!(matches!(queued.outcome(), Err(TaskError::Closed)));
        opener.join().expect("the gate was opened");
    });
}

/// A call that waits for its argument when the pool closes ends as closed, when that is there.
#[test]
fn dataflow_that_is_ready_too_late() {
    static POOL: Pool = Pool::new(1);
    #[pooled(pool = POOL)]
    fn next(n: u32) -> u32 {
        n + 1
    }
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let call = next(value);
        let after = call.chain(|| 1);
        POOL.close();
        assert!(!after.is_finished());
        promise.set(1);
        assert!(matches!(after.outcome(), Err(TaskError::Closed)));
    });
}

/// Whatever the moment, each handle ends: with a value if the call was taken, closed if not.
#[test]
fn submissions_race_with_close() {
    watched(|| {
        for round in 0..200 {
            let (pool, start) = (Pool::new(2), Barrier::new(3));
            thread::scope(|scope| {
                let submitters: Vec<_> = (0..2)
                    .map(|_| {
                        scope.spawn(|| {
                            start.wait();
                            (0..20).map(|n| pool.spawn(move || n)).collect::<AsyncList<_>>()
                        })
                    })
                    .collect();
                start.wait();
                if round % 2 == 0 {
                    pool.set_workers(1 + round % 3);
                }
                pool.close();
                let lists = submitters.into_iter().map(|submitter| submitter.join().expect("`spawn` does not panic"));
                let ends: Vec<_> = lists.flat_map(AsyncList::outcomes).collect();
                let taken = ends.iter().filter(|end| end.is_ok()).count();
                assert!(ends.iter().all(|end| matches!(end, Ok(_) | Err(TaskError::Closed))));
                assert_eq!(pool.stats().finished, taken);
            });
        }
    });
}

/// `close` and the drop of a pool in a call of another pool are waits: the call lends its permit.
#[test]
fn close_in_a_call_of_another_pool() {
    for close in [Pool::close as fn(&Pool), |pool: &Pool| assert!(pool.close_timeout(Duration::MAX))] {
        watched(move || {
            let outer = Arc::new(Pool::new(1));
            let (inner, back) = (Pool::new(1), outer.clone());
            let needs_outer = inner.spawn(move || back.spawn(|| 5).get());
            let closer = outer.spawn(move || {
                close(&inner);
                drop(inner);
            });
            assert_eq!(needs_outer.get(), 5);
            closer.get();
        });
    }
}

/// The end of the pool needs the closer by way of many calls: of a chain, or of a list with the closer at its end.
#[test]
fn close_a_long_way_behind_a_call_does_not_wait_for_itself() {
    #[pooled]
    fn last(results: Vec<usize>) -> Option<usize> {
        results.last().copied()
    }
    for is_wide in [false, true] {
        watched(move || {
            let (pool, other, gate) = (Arc::new(Pool::new(1)), Arc::new(Pool::new(1)), Gate::new());
            let _opener = gate.opener();
            let (inner, at_gate) = (pool.clone(), gate.clone());
            let closer = other.spawn(move || {
                at_gate.pass();
                inner.close();
                LONG
            });
            let way = if is_wide {
                last(other.map(0..LONG, |n| n).into_iter().chain([closer]).collect::<AsyncList<_>>())
            } else {
                (0..LONG).fold(closer.map(Some), |call, _| call.map(|n| n))
            };
            let waiter = pool.spawn(move || way.get());
            until("the call waits", || pool.stats().blocked == 1);
            gate.open();
            assert_eq!(waiter.get(), Some(LONG));
        });
    }
}

#[test]
fn cancel_queued_spares_what_runs() {
    watched(|| {
        let (pool, gate, drops) = (Pool::new(1), Gate::new(), DropCounter::new());
        assert_eq!(pool.cancel_queued(), 0);
        let at_gate = gate.clone();
        let running = pool.spawn(move || at_gate.pass());
        gate.wait_for(1);
        let (cleanup, cleaned) = mpsc::channel();
        let mut queued = AsyncList::new();
        for _ in 0..5 {
            let (token, cleanup) = (drops.token(), cleanup.clone());
            queued.push(pool.spawn(move || drop(token)));
            // What follows a cancelled call stands in the queue only then: it is not cancelled with it.
            pool.spawn(|| ()).chain(move || cleanup.send(()).expect("the test waits")).detach();
        }
        assert_eq!(pool.cancel_queued(), 10);
        assert_eq!(drops.count(), 5);
        assert!(queued.outcomes().iter().all(|end| matches!(end, Err(TaskError::Cancelled))));
        assert!(running.outcome_timeout(Duration::ZERO).is_err());
        gate.open();
        for _ in 0..5 {
            cleaned.recv().expect("the cleanup runs");
        }
        pool.close();
        assert_eq!((pool.stats().cancelled, pool.stats().finished), (10, 6));
    });
}

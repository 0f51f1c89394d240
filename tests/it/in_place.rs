//! `block_in_place`: whose place is free, and until when.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use asynctools::OnFull;
use asynctools::Pool;
use asynctools::block_in_place;

use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::stays;
use crate::helpers::watched;

/// Waits for a message that the next call of the same pool of one worker sends.
fn next_call_runs(pool: &Arc<Pool>, before: impl FnOnce() + Send + 'static) -> u8 {
    let (sender, receiver) = mpsc::channel();
    let waits = pool.spawn(move || {
        before();
        block_in_place(|| receiver.recv()).expect("the next call sends")
    });
    pool.spawn(move || sender.send(5)).detach();
    waits.get()
}

#[test]
fn the_place_of_a_call_is_free_in_the_meantime() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        assert_eq!(next_call_runs(&pool, || ()), 5);
        // Not on a thread of no pool, where it only runs the closure.
        assert_eq!(block_in_place(|| 6), 6);
    });
}

#[test]
fn a_thread_of_parallel_may_block_in_place() {
    watched(|| assert_eq!(asynctools::parallel(|| block_in_place(|| 5)).get(), 5));
}

#[test]
fn the_place_is_taken_again_after_the_closure_and_after_its_panic() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let gate = Gate::new();
        let _open = gate.opener();
        let at_gate = gate.clone();
        let first = pool.spawn(move || {
            block_in_place(|| ());
            let panic = catch_unwind(AssertUnwindSafe(|| block_in_place(|| panic!("in place"))));
            assert!(panic.is_err());
            at_gate.pass();
        });
        gate.wait_for(1);
        let second = pool.spawn(|| ());
        stays("one call runs", || pool.stats().running == 1 && !second.is_finished());
        gate.open();
        first.get();
        second.get();
        // No call is left that was counted twice.
        let stats = pool.stats();
        assert_eq!((stats.running, stats.blocked, stats.queued), (0, 0, 0));
        assert_eq!(next_call_runs(&pool, || ()), 5);
    });
}

#[test]
fn a_closure_in_a_closure_frees_the_place_once() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let inner = pool.clone();
        let call = pool.spawn(move || {
            block_in_place(|| {
                block_in_place(|| ());
                // The inner one has not taken the place back.
                let (sender, receiver) = mpsc::channel();
                inner.spawn(move || sender.send(5)).detach();
                receiver.recv().expect("the other call runs")
            })
        });
        assert_eq!(call.get(), 5);
    });
}

#[test]
fn a_wait_in_the_closure_is_a_wait_as_any() {
    watched(|| {
        let pool = Arc::new(Pool::builder().workers(1).max_blocked(8).build().expect("it fits"));
        for _ in 0..50 {
            let inner = pool.clone();
            let call = pool.spawn(move || {
                block_in_place(|| {
                    let nested = inner.clone();
                    // Run by its waiter, and with a closure of its own.
                    let one = inner.spawn(move || next_in_place(&nested)).get();
                    let two = inner.map(0..3, |n| n).get().len();
                    let (sender, receiver) = mpsc::channel();
                    inner.spawn(move || sender.send(2)).detach();
                    one + two + receiver.recv().expect("the place is free after the waits")
                })
            });
            assert_eq!(call.get(), 5 + 3 + 2);
        }
        pool.wait_idle();
        let stats = pool.stats();
        assert_eq!((stats.running, stats.blocked, stats.queued), (0, 0, 0));
    });
}

/// Waits inside a call for a message that another call sends.
fn next_in_place(pool: &Pool) -> usize {
    let (sender, receiver) = mpsc::channel();
    pool.spawn(move || sender.send(5)).detach();
    block_in_place(|| receiver.recv().expect("the other call runs"))
}

#[test]
fn a_call_that_comes_back_runs_beside_the_call_on_its_place() {
    watched(|| {
        let pool = Pool::builder().workers(1).max_blocked(1).build().expect("it fits");
        let (away, inside) = (Gate::new(), Gate::new());
        let _open = (away.opener(), inside.opener());
        let at_gates = (away.clone(), inside.clone());
        let comes_back = pool.spawn(move || {
            block_in_place(|| at_gates.0.pass());
            at_gates.1.pass();
        });
        away.wait_for(1);
        let at_gate = inside.clone();
        let on_its_place = pool.spawn(move || at_gate.pass());
        inside.wait_for(1);
        away.open();
        // Neither waits for the other: both run, with one worker.
        inside.wait_for(2);
        assert_eq!((pool.stats().running, pool.stats().blocked), (2, 0));
        inside.open();
        comes_back.get();
        on_its_place.get();
    });
}

#[test]
fn a_limited_part_that_is_a_call_of_its_own_keeps_its_limit() {
    watched(|| {
        let limited = Arc::new(Pool::new(2));
        let (attempts, gauge) = (Pool::builder().workers(4).max_blocked(16).build().expect("it fits"), Gauge::new());
        let (inner, inside) = (limited.clone(), gauge.clone());
        let calls = attempts.map(0..60, move |_| {
            for _attempt in 0..3 {
                let inside = inside.clone();
                inner.spawn(move || drop((inside.enter(), thread::yield_now()))).get();
                block_in_place(thread::yield_now);
            }
        });
        calls.get();
        assert!(gauge.most() <= 2, "{} connections at once", gauge.most());
        assert_eq!(limited.stats().finished, 180);
    });
}

#[test]
fn at_most_as_many_calls_run_as_there_are_workers() {
    watched(|| {
        let (pool, gauge) = (Pool::builder().workers(2).max_blocked(8).build().expect("it fits"), Gauge::new());
        let inside = gauge.clone();
        let calls = pool.map(0..200, move |_| {
            let inside = inside.enter();
            let ((), _inside) = Gauge::away(inside, || block_in_place(thread::yield_now));
        });
        calls.get();
        // A call that comes back runs at once: up to all that have begun.
        assert!(gauge.most() <= 10, "{} at once", gauge.most());
        assert_eq!(gauge.now(), 0);
    });
}

#[test]
fn calls_that_wait_for_each_other_out_of_sight_all_begin() {
    watched(|| {
        // Two wait for the third, and the pool lends one place before its limit: a thread watches from then on.
        let pool = Pool::builder().workers(1).max_blocked(1).build().expect("it fits");
        let gate = Gate::new();
        let calls: Vec<_> = (0..3)
            .map(|n| {
                let gate = gate.clone();
                pool.spawn(move || if n == 2 { gate.open() } else { block_in_place(|| gate.pass()) })
            })
            .collect();
        calls.into_iter().for_each(asynctools::AsyncValue::get);
        pool.close();
    });
}

#[test]
fn a_caller_that_runs_a_call_has_no_place_to_free() {
    watched(|| {
        let pool = Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere).build().expect("it fits");
        let parked = pool.spawn(|| ());
        assert_eq!(pool.spawn(|| block_in_place(|| 5)).get(), 5);
        assert!(parked.cancel());
    });
}

#[test]
fn a_wait_in_the_closure_needs_no_other_place() {
    watched(|| {
        // The pool lends no place to a call that nobody waits for: only the waiter itself can run the call at once.
        let pool = Arc::new(Pool::builder().workers(1).max_blocked(0).build().expect("it fits"));
        for _ in 0..200 {
            let inner = pool.clone();
            let own = || thread::current().id();
            let call = pool.spawn(move || (own(), block_in_place(|| inner.spawn(own).get())));
            let (waiter, runner) = call.get();
            assert_eq!(waiter, runner);
        }
    });
}

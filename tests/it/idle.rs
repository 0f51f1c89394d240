//! `wait_idle` of a pool, and of the whole process.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;
use asynctools::serial;

use crate::helpers::Gate;
use crate::helpers::until;
use crate::helpers::watched;
use crate::process::alone;

/// Whether a thread that waits for the pool has come back.
fn waits(pool: &Arc<Pool>) -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    let pool = pool.clone();
    thread::spawn(move || {
        pool.wait_idle();
        let _ = sender.send(());
    });
    receiver
}

/// The text of the panic of a lost call.
fn text_of(error: &TaskError) -> String {
    error.to_string()
}

static ONE: Pool = Pool::new(1);

/// Comes to a gate when it is dropped.
struct AtDrop(Gate);

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.pass();
    }
}

#[pooled(pool = ONE)]
fn unwanted(gate: Gate, _after: ()) -> AtDrop {
    AtDrop(gate)
}

/// A call is run by the thread that readies it, and its result, which nobody wants, is still being dropped.
#[test]
fn a_wait_lasts_for_the_last_effect_of_a_call_run_by_its_caller() {
    watched(|| {
        let (gate, (promise, value)) = (Gate::new(), AsyncValue::promise());
        let _open = gate.opener();
        unwanted(gate.clone(), value).detach();
        let caller = thread::spawn(move || serial(|| promise.set(())));
        gate.wait_for(1);
        assert!(!ONE.wait_idle_timeout(Duration::ZERO), "the result is being dropped");
        gate.open();
        caller.join().expect("nothing panics");
        ONE.wait_idle();
    });
}

#[test]
fn a_wait_lasts_for_queued_running_and_blocked_calls() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        pool.wait_idle();
        let (gate, (promise, value)) = (Gate::new(), AsyncValue::promise());
        let _open = gate.opener();
        let running = pool.spawn({
            let gate = gate.clone();
            move || {
                gate.pass();
                value.get();
            }
        });
        let queued = pool.spawn(|| ());
        gate.wait_for(1);
        let waits = waits(&pool);
        assert!(!pool.wait_idle_timeout(Duration::ZERO), "one runs and one is queued");
        gate.open();
        queued.wait();
        assert!(!pool.wait_idle_timeout(Duration::from_millis(20)), "one is blocked");
        assert_eq!(waits.try_recv(), Err(mpsc::TryRecvError::Empty));
        promise.set(());
        running.wait();
        assert_eq!(waits.recv(), Ok(()));
        pool.wait_idle();
    });
}

#[test]
fn after_the_wait_everything_has_ended() {
    watched(|| {
        let pool = Pool::new(2);
        for round in 0..200 {
            let counter = Arc::new(AtomicUsize::new(0));
            for _ in 0..20 {
                let counter = counter.clone();
                pool.spawn(move || counter.fetch_add(1, Ordering::SeqCst)).detach();
            }
            pool.wait_idle();
            assert_eq!(counter.load(Ordering::SeqCst), 20, "round {round}");
            let stats = pool.stats();
            assert_eq!((stats.queued, stats.running, stats.blocked), (0, 0, 0), "round {round}");
        }
    });
}

#[test]
fn cancelled_calls_do_not_count() {
    watched(|| {
        let pool = Arc::new(Pool::new(0));
        let calls: Vec<_> = (0..3).map(|n| pool.spawn(move || n)).collect();
        let by_list = waits(&pool);
        assert!(!pool.wait_idle_timeout(Duration::from_millis(20)), "three are queued");
        assert!(calls.iter().all(AsyncValue::cancel));
        assert_eq!(by_list.recv(), Ok(()));
        // The entries of those three are still in the queue.
        let queued = pool.spawn(|| ());
        let by_pool = waits(&pool);
        assert!(!pool.wait_idle_timeout(Duration::from_millis(20)), "one is queued");
        assert_eq!(pool.cancel_queued(), 1);
        assert_eq!(by_pool.recv(), Ok(()));
        assert!(queued.is_error());
    });
}

#[test]
fn a_call_that_waits_for_arguments_does_not_count_for_its_pool() {
    watched(|| {
        let pool = Pool::new(1);
        let (promise, value) = AsyncValue::<u8>::promise();
        let follows = pool.spawn(|| 1).zip(value).map(|(one, two)| one + two);
        pool.wait_idle();
        assert!(!follows.is_finished());
        promise.set(2);
        pool.wait_idle();
        assert_eq!(follows.get(), 3);
    });
}

#[test]
fn a_call_that_its_caller_runs_counts() {
    watched(|| {
        let pool = Arc::new(Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere).build().expect("it fits"));
        let parked = pool.spawn(|| ());
        let (gate, run_by_caller) = (Gate::new(), pool.clone());
        let _open = gate.opener();
        let caller = thread::spawn({
            let gate = gate.clone();
            move || run_by_caller.spawn(move || gate.pass()).get()
        });
        gate.wait_for(1);
        assert!(parked.cancel());
        let waits = waits(&pool);
        assert!(!pool.wait_idle_timeout(Duration::from_millis(20)), "the caller runs one");
        gate.open();
        assert_eq!(waits.recv(), Ok(()));
        caller.join().expect("it runs through");
    });
}

#[test]
fn a_wait_on_a_worker_of_another_pool_gives_up_the_place() {
    watched(|| {
        let (one, other) = (Arc::new(Pool::new(1)), Arc::new(Pool::new(1)));
        let gate = Gate::new();
        let _open = gate.opener();
        let at_gate = gate.clone();
        other.spawn(move || at_gate.pass()).detach();
        gate.wait_for(1);
        let awaited = other.clone();
        let waiter = one.spawn(move || awaited.wait_idle());
        // The only worker of the pool waits, and another call runs.
        assert_eq!(one.spawn(|| 5).get(), 5);
        assert!(!waiter.is_finished());
        gate.open();
        waiter.get();
    });
}

#[test]
fn a_wait_in_a_call_of_the_same_pool_panics_with_the_reason() {
    watched(|| {
        let pool = Arc::new(Pool::new(2));
        let own = pool.clone();
        let error = pool.spawn(move || own.wait_idle()).outcome().expect_err("it waits for itself");
        assert!(text_of(&error).contains("would wait for itself"), "{error}");
        // One that a call of the pool waits for.
        let (outer, other, inner) = (pool.clone(), Pool::new(1), pool.clone());
        let error = outer.spawn(move || other.spawn(move || inner.wait_idle()).outcome()).get();
        let error = error.expect_err("the outer call waits for it");
        assert!(text_of(&error).contains("would wait for itself"), "{error}");
        // One that comes to be waited for.
        let (promise, value) = AsyncValue::<AsyncValue<()>>::promise();
        let waits = pool.spawn(move || value.get().outcome());
        let (other, inner, gate) = (Arc::new(Pool::new(1)), pool.clone(), Gate::new());
        let at_gate = gate.clone();
        let call = other.spawn(move || {
            at_gate.pass();
            inner.wait_idle();
        });
        gate.wait_for(1);
        gate.open();
        until("it waits for the pool", || other.stats().blocked == 1);
        promise.set(call);
        let error = waits.get().expect_err("it waits for the call that waits for it");
        assert!(text_of(&error).contains("would wait for itself"), "{error}");
    });
}

#[test]
fn a_wait_a_long_way_behind_a_call_panics_with_the_reason() {
    watched(|| {
        let (pool, other, gate) = (Arc::new(Pool::new(1)), Pool::new(1), Gate::new());
        let _opener = gate.opener();
        let (inner, at_gate) = (pool.clone(), gate.clone());
        let idler = other.spawn(move || {
            at_gate.pass();
            inner.wait_idle();
        });
        let way = (0..150_000).fold(idler, |call, _| call.map(|()| ()));
        let waiter = pool.spawn(move || way.outcome());
        until("the call waits", || pool.stats().blocked == 1);
        gate.open();
        let error = waiter.get().expect_err("it waits for the call that waits for it");
        assert!(text_of(&error).contains("would wait for itself"), "{error}");
    });
}

#[test]
fn a_closed_pool_is_idle_after_its_last_call() {
    watched(|| {
        let pool = Pool::new(1);
        pool.spawn(|| ()).detach();
        pool.close();
        pool.wait_idle();
        assert!(pool.wait_idle_timeout(Duration::ZERO));
    });
}

#[test]
fn a_process_is_not_idle_between_two_calls_of_a_dataflow() {
    alone(|| {
        let pools: Vec<_> = (0..3).map(|_| Pool::new(1)).collect();
        for round in 0..300 {
            let count = Arc::new(AtomicUsize::new(0));
            let mut last = pools[0].spawn(|| 0);
            for step in 1..9 {
                let count = count.clone();
                let next = pools[step % 3].spawn(|| 1);
                last = next.zip(last).map(move |(one, sum)| {
                    count.fetch_add(1, Ordering::SeqCst);
                    one + sum
                });
            }
            last.detach();
            asynctools::wait_idle();
            assert_eq!(count.load(Ordering::SeqCst), 8, "round {round}");
        }
        asynctools::parallel(|| ()).detach();
        assert!(asynctools::wait_idle_timeout(Duration::MAX));
    });
}

#[test]
fn a_process_with_a_blocked_thread_of_parallel_is_not_idle() {
    alone(|| {
        let gate = Gate::new();
        let _open = gate.opener();
        let at_gate = gate.clone();
        asynctools::parallel(move || at_gate.pass()).detach();
        gate.wait_for(1);
        assert!(!asynctools::wait_idle_timeout(Duration::from_millis(20)));
        gate.open();
        asynctools::wait_idle();
    });
}

#[test]
fn the_wait_for_the_process_panics_in_a_call() {
    watched(|| {
        let error = asynctools::parallel(asynctools::wait_idle).outcome().expect_err("it waits for itself");
        assert!(text_of(&error).contains("waits for that call itself"), "{error}");
        let pool = Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere).build().expect("it fits");
        let parked = pool.spawn(|| ());
        let error = pool.spawn(asynctools::wait_idle).outcome().expect_err("its caller runs it");
        assert!(text_of(&error).contains("waits for that call itself"), "{error}");
        assert!(parked.cancel());
    });
}

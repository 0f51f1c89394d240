//! Serial mode: which thread runs a call, and what stays as it is.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::thread::ThreadId;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;
use asynctools::serial;

use crate::helpers::Gate;
use crate::helpers::fib;
use crate::helpers::lock;
use crate::helpers::until;
use crate::helpers::watched;
use crate::process::alone_with;

fn here() -> ThreadId {
    thread::current().id()
}

#[pooled]
fn runner() -> ThreadId {
    here()
}

#[pooled(workers = 2)]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[test]
fn a_call_runs_on_the_thread_that_makes_it() {
    watched(|| {
        let pool = Pool::new(2);
        serial(|| {
            let call = pool.spawn(here);
            assert!(call.is_finished(), "at the call");
            assert_eq!((call.get(), runner().get()), (here(), here()));
            assert_eq!(pool.map(0..3, |_| here()).get(), [here(); 3]);
            assert_ne!(parallel(here).get(), here(), "`#[parallel]` keeps its threads");
        });
        assert_ne!(pool.spawn(here).get(), here());
        assert_ne!(thread::spawn(|| runner().get()).join().expect("it gets"), here());
    });
}

#[test]
fn a_panic_of_the_closure_ends_the_mode() {
    watched(|| {
        let pool = Pool::new(1);
        assert!(catch_unwind(AssertUnwindSafe(|| serial(|| panic!("in serial mode")))).is_err());
        assert_ne!(pool.spawn(here).get(), here());
        serial(|| {
            serial(|| ());
            assert_eq!(pool.spawn(here).get(), here(), "the inner one has not ended the outer one");
        });
    });
}

#[test]
fn a_call_with_late_arguments_runs_on_the_thread_that_brings_the_last_one() {
    watched(|| {
        let pool = Pool::new(2);
        let order = Arc::new(Mutex::new(Vec::new()));
        serial(|| {
            let (promise, value) = AsyncValue::<u32>::promise();
            let shared = value.shared();
            let note = |name: &'static str| {
                let order = order.clone();
                move |n: &u32| {
                    lock(&order).push((name, here()));
                    n + 1
                }
            };
            let (a, b) = (pool.spawn(|| 1), shared.map(note("b")));
            let (c, d) = (
                b.map({
                    let note = note("c");
                    move |n| note(&n)
                }),
                shared.map(note("d")),
            );
            let sum = add(add(a, c), d);
            assert!(!sum.is_finished());
            promise.set(5);
            assert!(sum.is_finished());
            assert_eq!(sum.get(), 1 + 7 + 6);
        });
        assert_eq!(*lock(&order), [("b", here()), ("d", here()), ("c", here())], "in the order of readiness");
    });
}

#[test]
fn a_chain_of_any_length_needs_no_stack() {
    watched(|| {
        serial(|| {
            let (promise, first) = AsyncValue::<u32>::promise();
            let last = (0..100_000).fold(first, |value, _| value.map(|n| n + 1));
            promise.set(0);
            assert_eq!(last.get(), 100_000);
        });
    });
}

#[test]
fn waits_and_recursion_and_windows_work() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        serial(|| {
            assert_eq!(fib(&pool, 12), 144);
            let inner = pool.clone();
            let waits = pool.spawn(move || {
                let (promise, value) = AsyncValue::<u32>::promise();
                let follows = inner.spawn(|| 1).zip(value).map(|(a, b)| a + b);
                promise.set(2);
                follows.get()
            });
            assert_eq!(waits.get(), 3);
            let squares = (0..10).map(|n| pool.spawn(move || n * n));
            assert_eq!(squares.buffered(3).sum::<u32>(), 285);
            let squares = (0..10).map(|n| (n, pool.spawn(move || n * n)));
            assert!(squares.buffer_unordered(3).all(|(n, square)| square == n * n));
        });
    });
}

#[test]
fn a_wait_for_what_a_call_before_has_made_ready_ends() {
    watched(|| {
        let pool = Pool::new(1);
        serial(|| {
            let (promise, value) = AsyncValue::<u32>::promise();
            let shared = value.shared();
            let (sender, receiver) = std::sync::mpsc::channel::<AsyncValue<u32>>();
            // Runs first, in the middle of passing the value on, and waits for the second one.
            let first = shared.map(move |n| n + receiver.recv().expect("it is there").get());
            sender.send(shared.map(|n| n * 10)).expect("it waits");
            drop(pool);
            promise.set(1);
            assert_eq!(first.get(), 11);
        });
    });
}

#[test]
fn endings_and_counts_stay_as_they_are() {
    watched(|| {
        let pool = Pool::builder().workers(1).queue(1).on_full(OnFull::Reject).build().expect("it fits");
        serial(|| {
            // The limit of the queue does not apply.
            let list: AsyncList<_> = (0..5).map(|n| pool.spawn(move || 6 / (n - 2))).collect();
            assert_eq!(list.cancel(), 0, "too late");
            let outcomes = list.outcomes();
            assert!(matches!(outcomes[2], Err(TaskError::Panicked(_))));
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4);
            let failed = pool.spawn(|| -> u32 { panic!("no luck") }).map(|n| n).outcome().expect_err("it is lost");
            assert!(
                failed.to_string().contains("map") && failed.to_string().ends_with("panicked: no luck"),
                "{failed}"
            );
            let stats = pool.stats();
            assert_eq!((stats.finished, stats.panicked, stats.queued, stats.running), (6, 2, 0, 0));
            pool.set_workers(0);
            let paused = pool.spawn(here);
            assert!(!paused.is_finished());
            pool.set_workers(1);
            assert_ne!(paused.get(), here());
            pool.close();
            assert!(matches!(pool.spawn(here).outcome(), Err(TaskError::Closed)));
        });
    });
}

/// Calls of two pools that one promise makes ready: the thread that sets it comes to one after the other.
struct Ready {
    promise: Promise<u32>,
    /// Runs `act` at its turn, when the second call is ready.
    first: AsyncValue<()>,
    second: AsyncValue<u32>,
}

#[derive(Clone)]
struct On(Arc<Pool>);

impl On {
    #[pooled(pool = self.0)]
    fn act(&self, n: &u32, act: impl FnOnce() + Send + 'static) {
        assert_eq!(*n, 5);
        act();
    }

    #[pooled(pool = self.0)]
    fn copy(&self, n: &u32) -> u32 {
        *n
    }
}

fn ready(pools: [&Arc<Pool>; 2], act: impl FnOnce() + Send + 'static) -> Ready {
    let (promise, value) = AsyncValue::promise();
    let value = value.shared();
    let [first, second] = pools.map(|pool| On(pool.clone()));
    Ready { promise, first: first.act(value.clone(), act), second: second.copy(value) }
}

/// The handle of a call, for another call that is made before it.
type Slot<T> = Arc<Mutex<Option<AsyncValue<T>>>>;

fn with_one_place() -> Arc<Pool> {
    Arc::new(Pool::builder().workers(1).queue(1).on_full(OnFull::Reject).build().expect("it fits"))
}

/// The pool is idle, its queue has one place, and the pool closes.
fn assert_still_has_one_place(pool: &Pool) {
    pool.wait_idle();
    pool.set_workers(0);
    let queued = pool.spawn(|| 6);
    assert_eq!(pool.stats().queued, 1, "no entry is taken for a tombstone");
    assert!(matches!(pool.spawn(|| 7).outcome(), Err(TaskError::Rejected)), "no room was won");
    pool.set_workers(1);
    assert_eq!(queued.get(), 6);
    pool.close();
}

#[test]
fn a_call_that_is_cancelled_before_its_turn_is_counted_once() {
    watched(|| {
        let (pool, slot) = (with_one_place(), Slot::<u32>::default());
        let seen = slot.clone();
        let Ready { promise, first, second } = ready([&pool, &pool], move || {
            let second = lock(&seen).take().expect("made before");
            assert!(second.cancel(), "the thread has not come to it");
            assert!(matches!(second.outcome(), Err(TaskError::Cancelled)));
        });
        *lock(&slot) = Some(second);
        serial(|| promise.set(5));
        first.get();
        let stats = pool.stats();
        assert_eq!((stats.finished, stats.cancelled, stats.queued, stats.running), (1, 1, 0, 0));
        assert_still_has_one_place(&pool);
    });
}

#[test]
fn a_call_that_a_waiter_runs_before_its_turn_is_counted_once() {
    watched(|| {
        let (pool, other) = (with_one_place(), Arc::new(Pool::new(1)));
        let gate = Gate::new();
        let (_open, at_gate) = (gate.opener(), gate.clone());
        let Ready { promise, first, second } = ready([&other, &pool], move || at_gate.pass());
        let waiter = pool.spawn(move || second.get());
        until("it waits", || pool.stats().blocked == 1);
        let caller = thread::spawn(move || serial(|| promise.set(5)));
        gate.wait_for(1);
        assert_eq!(waiter.get(), 5);
        gate.open();
        caller.join().expect("nothing panics");
        first.get();
        assert_still_has_one_place(&pool);
    });
}

/// Also in the middle of a call that was made ready itself, where calls that become ready wait for their turns.
#[test]
fn what_follows_an_ended_call_runs_at_the_call() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let inner = pool.clone();
        let Ready { promise, first, second } = ready([&pool, &pool], move || {
            let follows = inner.spawn(here).map(|ran_on| (ran_on, here()));
            assert!(follows.is_finished(), "at the call");
            assert_eq!(follows.get(), (here(), here()));
            let listed = inner.map(0..3, |n| n).chain(here);
            assert!(listed.is_finished() && listed.get() == here());
        });
        serial(|| promise.set(5));
        first.get();
        assert_eq!(second.get(), 5);
        assert_eq!(pool.stats().finished, 2 + 1 + 1 + 3 + 1);
    });
}

#[test]
fn a_pool_with_a_call_before_its_turn_is_not_idle() {
    watched(|| {
        let (pool, other, gate) = (Arc::new(Pool::new(1)), Arc::new(Pool::new(1)), Gate::new());
        let (_open, at_gate) = (gate.opener(), gate.clone());
        let Ready { promise, first, second } = ready([&other, &pool], move || at_gate.pass());
        let caller = thread::spawn(move || serial(|| promise.set(5)));
        gate.wait_for(1);
        assert!(!pool.wait_idle_timeout(Duration::ZERO), "it has all its arguments");
        let waits = thread::spawn(move || {
            pool.wait_idle();
            second.is_finished()
        });
        gate.open();
        assert!(waits.join().expect("nothing panics"));
        caller.join().expect("nothing panics");
        first.get();
    });
}

#[test]
fn a_call_that_its_caller_runs_counts_as_running() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        serial(|| {
            let (inner, (promise, value)) = (pool.clone(), AsyncValue::<()>::promise());
            let counts = pool.spawn(move || {
                let nested = inner.clone();
                let below = inner.spawn(move || nested.stats()).get();
                let own = inner.stats();
                (below, own)
            });
            let (below, own) = counts.get();
            assert_eq!((below.running, below.finished), (1, 0), "one thread runs one of them");
            assert_eq!((own.running, own.blocked, own.finished), (1, 0, 1));
            let waiting = pool.clone();
            let caller = thread::spawn(move || serial(|| waiting.spawn(move || value.get()).get()));
            until("it waits", || (pool.stats().running, pool.stats().blocked) == (0, 1));
            promise.set(());
            caller.join().expect("nothing panics");
            assert_eq!((pool.stats().running, pool.stats().blocked), (0, 0));
        });
    });
}

#[test]
fn the_variable_makes_the_process_serial() {
    let _said = alone_with("ASYNCTOOLS_SERIAL", "1", || {
        let pool = Pool::new(2);
        assert_eq!((pool.spawn(here).get(), runner().get()), (here(), here()));
        let elsewhere = parallel(move || (here(), pool.spawn(here).get())).get();
        assert_eq!(elsewhere.0, elsewhere.1);
        assert_ne!(elsewhere.0, here());
        asynctools::wait_idle();
    });
}

#[test]
fn the_variable_covers_threads_of_parallel_too() {
    let _said = alone_with("ASYNCTOOLS_SERIAL", "all", || {
        assert_eq!((parallel(here).get(), runner().get()), (here(), here()));
    });
}

#[test]
fn another_value_of_the_variable_is_said_once_and_means_off() {
    let said = alone_with("ASYNCTOOLS_SERIAL", "yes", || {
        assert_ne!(runner().get(), here());
        assert_ne!(runner().get(), here());
        assert_eq!(serial(|| runner().get()), here());
        assert_ne!(runner().get(), here());
    });
    if let Some(said) = said {
        let lines: Vec<_> = said.lines().filter(|line| line.contains("ASYNCTOOLS_SERIAL")).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(["`0`", "`1`", "`all`", "\"yes\""].iter().all(|value| lines[0].contains(value)), "{said}");
    }
    let said = alone_with("ASYNCTOOLS_SERIAL", "0", || assert_ne!(runner().get(), here()));
    assert!(said.is_none_or(|said| !said.contains("ASYNCTOOLS_SERIAL")));
}

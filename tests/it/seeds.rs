//! What the tests of py-asynctools and of asynckit check, in our words.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

use crate::helpers::Census;
use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::until;
use crate::helpers::watched;

/// What a worker of theirs sleeps: here it waits at a gate, and fails if it has none.
type Sleep = Option<Gate>;

#[parallel]
fn small_sleep(n: usize, sleep: Sleep) -> Result<usize, String> {
    sleep.ok_or("too long")?.pass();
    Ok(n)
}

#[pooled(workers = 2)]
fn small_sleep_on_two(n: usize, sleep: Sleep) -> Result<usize, String> {
    sleep.ok_or("too long")?.pass();
    Ok(n)
}

type SmallSleep = fn(usize, Sleep) -> AsyncValue<Result<usize, String>>;

const BOTH: [SmallSleep; 2] = [|n, sleep| small_sleep(n, sleep), |n, sleep| small_sleep_on_two(n, sleep)];

fn gates<const N: usize>() -> [Gate; N] {
    std::array::from_fn(|_| Gate::new())
}

fn opened() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

// py-asynctools: `Async`.

#[test]
fn async_calls_return_at_once() {
    #[parallel]
    fn store(gate: Gate, n: u32, result: Arc<Mutex<Vec<u32>>>) {
        gate.pass();
        result.lock().expect("nobody panics with it").push(n);
    }
    watched(|| {
        let (gates, result) = (gates::<3>(), Arc::new(Mutex::new(Vec::new())));
        let calls: Vec<_> = gates.iter().zip(1..).map(|(gate, n)| store(gate.clone(), n, result.clone())).collect();
        assert!(!calls.iter().any(AsyncValue::is_finished));
        for (gate, call) in gates.iter().zip(&calls) {
            gate.open();
            call.wait();
        }
        assert_eq!(*result.lock().expect("nobody panics with it"), [1, 2, 3]);
    });
}

// py-asynctools: `Parallel` and `Pool`.

#[test]
fn join_gives_all_results() {
    watched(|| {
        for run in BOTH {
            let gates = gates::<3>();
            let list: AsyncList<_> = gates.iter().enumerate().map(|(n, gate)| run(n, Some(gate.clone()))).collect();
            gates.iter().for_each(Gate::open);
            let (results, errors) = list.join();
            assert_eq!((results, errors.len()), (vec![0, 1, 2], 0));
        }
    });
}

/// Theirs gives results as they come; ours in the order of the calls.
#[test]
fn join_reversed_keeps_the_order() {
    watched(|| {
        let gates = gates::<3>();
        let list: AsyncList<_> = gates.iter().enumerate().map(|(n, gate)| small_sleep(n, Some(gate.clone()))).collect();
        let calls = list.into_iter().enumerate().rev().map(|(n, call)| {
            gates[n].open();
            call.wait();
            call
        });
        let mut calls: Vec<_> = calls.collect();
        calls.reverse();
        assert_eq!(AsyncList::from(calls).join().0, [0, 1, 2]);
    });
}

#[test]
fn join_with_errors() {
    watched(|| {
        for run in BOTH {
            let sleeps = [Some(opened()), Some(opened()), Some(opened()), None];
            let (results, errors) =
                sleeps.into_iter().enumerate().map(|(n, sleep)| run(n, sleep)).collect::<AsyncList<_>>().join();
            assert_eq!(results, [0, 1, 2]);
            assert!(matches!(&errors[..], [CallError::Failed(text)] if text == "too long"));
        }
    });
}

#[test]
fn join_of_errors_only() {
    watched(|| {
        for run in BOTH {
            let (results, errors) = (0..3).map(|n| run(n, None)).collect::<AsyncList<_>>().join();
            assert_eq!((results.len(), errors.len()), (0, 3));
            assert!(errors.iter().all(|error| matches!(error, CallError::Failed(_))));
        }
    });
}

#[test]
fn first_is_the_quickest() {
    watched(|| {
        let gates = gates::<3>();
        let list: AsyncList<_> = gates.iter().enumerate().map(|(n, gate)| small_sleep(n, Some(gate.clone()))).collect();
        gates[2].open();
        assert_eq!(list.first(), Some(Ok(2)));
        gates.iter().for_each(Gate::open);
    });
}

/// The third does not start before one of the others ends, however quick it would be.
#[test]
fn first_on_two_workers() {
    watched(|| {
        let (pool, gates) = (Pool::new(2), gates::<2>());
        let at_gates = gates.clone();
        let mut list = pool.map(0..2, move |n| (at_gates[n].pass(), n).1);
        list.push(pool.spawn(|| 2));
        for gate in &gates {
            gate.wait_for(1);
        }
        gates[1].open();
        assert_eq!(list.first(), Some(1));
        gates[0].open();
        pool.close();
        assert_eq!(pool.stats().finished + pool.stats().cancelled, 3);
    });
}

#[test]
fn first_with_errors() {
    watched(|| {
        for run in BOTH {
            let gate = Gate::new();
            let list = AsyncList::from(vec![run(0, None), run(1, Some(gate.clone())), run(2, Some(opened()))]);
            assert_eq!(list.first_ok().expect("two of them can end well"), 2);
            gate.open();
            assert_eq!((0..3).map(|n| run(n, None)).collect::<AsyncList<_>>().first_ok().expect_err("none").len(), 3);
        }
    });
}

#[test]
fn a_pool_works_twice_and_then_is_closed() {
    watched(|| {
        let (pool, gauge, census) = (Pool::new(2), Gauge::new(), Census::new());
        for _ in 0..2 {
            let (inside, seen) = (gauge.clone(), census.clone());
            let list = pool.map(0..3, move |n| {
                seen.note();
                let _inside = inside.enter();
                Ok::<_, String>(n)
            });
            let (results, errors) = list.join();
            assert_eq!((results.len(), errors.len()), (3, 0));
        }
        assert!(gauge.most() <= 2 && census.most() <= 2);
        pool.close();
        assert_eq!(census.now(), 0);
        assert!(matches!(pool.spawn(|| 1).outcome(), Err(TaskError::Closed)));
    });
}

// asynckit: `AsyncValue`.

#[test]
fn a_value_is_set_once() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        assert!(!value.is_finished());
        let value = value.try_get().expect_err("not set");
        // Setting it twice does not compile.
        promise.set(true);
        assert!(value.is_finished() && !value.is_error());
        assert!(value.get());
    });
}

#[test]
fn a_value_is_waited_for() {
    watched(|| {
        for wait_first in [true, false] {
            let (promise, value) = AsyncValue::promise();
            let setter = thread::spawn(move || promise.set(true));
            if wait_first {
                value.wait();
            }
            assert!(value.get());
            setter.join().expect("`set` does not panic");
        }
    });
}

#[test]
fn an_error_is_raised_each_time() {
    watched(|| {
        let value = parallel_error().shared();
        value.wait();
        assert!(value.is_error());
        for _ in 0..2 {
            let read = value.clone();
            assert!(catch_unwind(AssertUnwindSafe(move || *read.get())).is_err());
        }
    });
}

#[parallel]
fn parallel_error() -> u32 {
    panic!("expected")
}

// asynckit: `AsyncList` and `AsyncAggregator`.

#[test]
fn a_list_is_set_when_all_its_values_are() {
    watched(|| {
        let empty = AsyncList::<u8>::new();
        assert!(empty.is_finished() && !empty.is_error());

        let ((first, a), (second, b)) = (AsyncValue::promise(), AsyncValue::promise());
        let mut list = AsyncList::from(vec![a, b]);
        assert!(!list.is_error() && !list.is_finished());
        first.set(1);
        assert!(!list.is_error() && !list.is_finished());
        second.set(2);
        assert!(!list.is_error() && list.is_finished());

        let (third, c) = AsyncValue::promise();
        list.push(c);
        assert!(!list.is_finished());
        drop(third);
        assert!(list.is_finished() && list.is_error());
        // Without the one that failed.
        let list: AsyncList<_> = list.into_iter().filter(|value| !value.is_error()).collect();
        assert!(!list.is_error());
        assert_eq!(list.get(), [1, 2]);
    });
}

#[test]
fn a_list_is_waited_for() {
    watched(|| {
        for wait_first in [true, false] {
            let ((first, a), (second, b)) = (AsyncValue::promise(), AsyncValue::promise());
            let list = AsyncList::from(vec![a, b]);
            let setter = thread::spawn(move || {
                first.set(1);
                second.set(2);
            });
            if wait_first {
                list.wait();
            }
            assert_eq!(list.get(), [1, 2]);
            setter.join().expect("`set` does not panic");
        }
    });
}

// asynckit: `Pool` and its workers.

#[test]
fn a_pool_starts_and_stops() {
    watched(|| {
        let stops: [fn(&Pool); 3] = [
            |pool| assert!(pool.close_timeout(Duration::from_secs(50))),
            Pool::close,
            |pool| {
                // It does not wait, but the workers leave all the same.
                pool.close_timeout(Duration::ZERO);
            },
        ];
        for stop in stops {
            let (pool, census) = (Pool::new(3), Census::new());
            let seen = census.clone();
            pool.map(0..10, move |_| seen.note()).wait();
            stop(&pool);
            until("the workers are gone", || census.now() == 0);
        }
    });
}

#[test]
fn a_pool_is_scaled() {
    watched(|| {
        let pool = Pool::new(0);
        for workers in [0, 1, 2, 1] {
            pool.set_workers(workers);
            assert_eq!(pool.workers(), workers);
        }
        pool.set_workers(3);
        let (nine, six, one) = (pool.spawn(|| 3 * 3), pool.spawn(|| 3 + 3), pool.spawn(|| 3 / 3));
        assert_eq!((nine.get(), six.get(), one.get()), (9, 6, 1));
    });
}

#[test]
fn a_worker_survives_an_exception() {
    watched(|| {
        let pool = Pool::new(1);
        let failed = pool.spawn(|| -> u8 { panic!("expected") });
        failed.wait();
        assert!(failed.is_error());
        assert!(catch_unwind(AssertUnwindSafe(|| failed.get())).is_err());
        assert_eq!(pool.spawn(|| 1 + 2).get(), 3);
    });
}

#[test]
fn values_and_lists_are_arguments() {
    #[pooled(workers = 1)]
    fn add(a: u32, b: u32, c: u32) -> u32 {
        a + b + c
    }
    #[pooled(workers = 1)]
    fn sum(terms: Vec<u32>) -> u32 {
        terms.into_iter().sum()
    }
    watched(|| {
        assert_eq!(add(AsyncValue::ready(1), AsyncValue::ready(2), 0).get(), 3);

        let (promise, late) = AsyncValue::promise();
        let waits = add(AsyncValue::ready(1), late, 1);
        // The one worker is free meanwhile.
        assert_eq!(add(1, 1, 1).get(), 3);
        assert!(!waits.is_finished());
        promise.set(2);
        assert_eq!(waits.get(), 4);

        let (promise, late) = AsyncValue::promise();
        let waits = sum(AsyncList::from(vec![AsyncValue::ready(1), AsyncValue::ready(2), late]));
        assert_eq!(sum(vec![1]).get(), 1);
        assert!(!waits.is_finished());
        promise.set(3);
        assert_eq!(waits.get(), 6);
    });
}

#[test]
fn a_chain_runs_in_order() {
    watched(|| {
        for set_before in [false, true] {
            let (pool, seen) = (Pool::new(1), Arc::new(Mutex::new(Vec::new())));
            let add = |n| {
                let seen = seen.clone();
                move || seen.lock().expect("nobody panics with it").push(n)
            };
            let first = pool.spawn(add(1));
            if set_before {
                first.wait();
            }
            let done = first.chain(add(2)).chain(add(3));
            assert!(done.wait_timeout(Duration::from_secs(50)));
            assert!(done.is_finished() && !done.is_error());
            assert_eq!(*seen.lock().expect("nobody panics with it"), [1, 2, 3]);
        }
    });
}

//! Many calls as one.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::until;
use crate::helpers::watched;

fn promises<T: Send + 'static>(count: usize) -> (Vec<Promise<T>>, AsyncList<T>) {
    std::iter::repeat_with(AsyncValue::promise).take(count).unzip()
}

fn panicking() -> AsyncValue<u32> {
    Pool::new(1).spawn(|| -> u32 { panic!("no luck") })
}

fn cancelled() -> AsyncValue<u32> {
    let pool = Pool::new(0);
    let value = pool.spawn(|| 0);
    pool.cancel_queued();
    value
}

fn abandoned() -> AsyncValue<u32> {
    AsyncValue::promise().1
}

fn closed() -> AsyncValue<u32> {
    let pool = Pool::new(1);
    pool.close();
    pool.spawn(|| 0)
}

#[test]
fn results_stand_in_call_order() {
    watched(|| {
        let (promises, list) = promises(50);
        let setter = thread::spawn(move || promises.into_iter().enumerate().rev().for_each(|(n, p)| p.set(n)));
        assert_eq!(list.get(), (0..50).collect::<Vec<_>>());
        setter.join().expect("`set` does not panic");
    });
}

#[test]
fn get_panics_with_the_first_loss_in_call_order() {
    watched(|| {
        let (promise, pending) = AsyncValue::promise();
        let list = AsyncList::from(vec![AsyncValue::ready(1), panicking(), cancelled(), pending]);
        // Although the last call has not ended.
        let payload = catch_unwind(AssertUnwindSafe(|| list.get())).expect_err("a call panicked");
        assert_eq!(payload.downcast_ref(), Some(&"no luck"));
        promise.set(5);

        let list = AsyncList::from(vec![cancelled(), panicking()]);
        let payload = catch_unwind(AssertUnwindSafe(|| list.get())).expect_err("a call was cancelled");
        assert!(payload.downcast_ref::<String>().is_some_and(|text| text.contains("cancelled")));
    });
}

/// After a loss, the calls behind it go on, and nobody wants their results.
#[test]
fn get_leaves_the_rest_running() {
    watched(|| {
        let (pool, gate, drops) = (Pool::new(2), Gate::new(), DropCounter::new());
        let (at_gate, token) = (gate.clone(), drops.token());
        let lost = pool.spawn(|| panic!("no luck"));
        let behind = pool.spawn(move || {
            at_gate.pass();
            token
        });
        let both = AsyncList::from(vec![lost, behind]);
        assert!(catch_unwind(AssertUnwindSafe(|| both.get())).is_err());
        assert_eq!(drops.count(), 0);
        gate.open();
        until("the unwanted result is dropped", || drops.count() == 1);
        pool.close();
        assert_eq!(pool.stats().finished, 2);
    });
}

#[test]
fn outcomes_of_mixed_losses() {
    watched(|| {
        let (promise, late) = AsyncValue::promise();
        let list = AsyncList::from(vec![panicking(), late, cancelled(), AsyncValue::ready(3), abandoned(), closed()]);
        assert!(list.is_error() && !list.is_finished());
        let setter = thread::spawn(move || promise.set(1));
        let outcomes = list.outcomes();
        setter.join().expect("`set` does not panic");
        let [
            Err(TaskError::Panicked(_)),
            Ok(1),
            Err(TaskError::Cancelled),
            Ok(3),
            Err(TaskError::Abandoned),
            Err(TaskError::Closed),
        ] = &outcomes[..]
        else {
            panic!("{outcomes:?}")
        };
    });
}

#[test]
fn join_keeps_results_and_errors_apart() {
    #[pooled(workers = 3)]
    fn half(n: u32) -> Result<u32, String> {
        assert!(n != 6, "no luck");
        if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("{n} is odd")) }
    }
    watched(|| {
        let mut list: AsyncList<_> = (0..9).map(half).collect();
        list.push(AsyncValue::promise().1);
        let (halves, errors) = list.join();
        assert_eq!(halves, [0, 1, 2, 4]);
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!((&texts[..3], texts.len()), (&["1 is odd", "3 is odd", "5 is odd"].map(String::from)[..], 6));
        assert!(matches!(&errors[3], CallError::Lost(TaskError::Panicked(panic)) if panic.message() == "no luck"));
        assert!(matches!(&errors[4], CallError::Failed(text) if text == "7 is odd"));
        assert!(matches!(&errors[5], CallError::Lost(TaskError::Abandoned)));
    });
}

#[test]
fn first_is_the_first_to_end_with_a_value() {
    watched(|| {
        let pool = Pool::new(0);
        let (promise, value) = AsyncValue::promise();
        let mut list = AsyncList::from(vec![panicking(), cancelled()]);
        list.extend(pool.map(0..5, |n| n));
        list.push(value);
        let setter = thread::spawn(move || promise.set(77));
        assert_eq!(list.first(), Some(77));
        setter.join().expect("`set` does not panic");
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.cancelled), (0, 5), "the rest is cancelled");
    });
}

#[test]
fn first_of_nothing_but_losses() {
    watched(|| {
        assert_eq!(AsyncList::from(vec![panicking(), cancelled(), abandoned(), closed()]).first(), None);
        let list = AsyncList::from(vec![panicking(), cancelled()]);
        assert_eq!(list.first_timeout(Duration::from_secs(50)).ok(), Some(None));
    });
}

#[test]
fn first_in_time_or_the_list_comes_back() {
    watched(|| {
        let (mut promises, mut list) = promises(3);
        list.push(cancelled());
        let list = list.first_timeout(Duration::from_millis(2)).expect_err("nobody has ended with a value");
        assert_eq!(list.len(), 4);
        let list = list.first_timeout(Duration::ZERO).expect_err("nobody has ended with a value");
        promises.remove(1).set(5);
        assert_eq!(list.first_timeout(Duration::ZERO).expect("one has ended"), Some(5));

        let (promises, list) = self::promises(3);
        let setter = thread::spawn(move || promises.into_iter().last().expect("one of three").set(6));
        assert_eq!(list.first_timeout(Duration::MAX).expect("one will end"), Some(6));
        setter.join().expect("`set` does not panic");
    });
}

#[test]
fn first_ok_passes_over_errors_and_losses() {
    watched(|| {
        let pool = Pool::new(0);
        let mut list: AsyncList<Result<u32, &str>> = pool.map(0..4, |_| Err("never runs"));
        list.extend([AsyncValue::ready(Err("down")), AsyncValue::promise().1, AsyncValue::ready(Ok(5))]);
        assert_eq!(list.first_ok().expect("one is up"), 5);
        assert_eq!(pool.stats().cancelled, 4);
    });
}

#[test]
fn first_ok_gives_all_errors_in_call_order() {
    watched(|| {
        let (promises, mut list) = promises::<Result<u32, usize>>(4);
        list.push(AsyncValue::promise().1);
        let setter = thread::spawn(move || promises.into_iter().enumerate().rev().for_each(|(n, p)| p.set(Err(n))));
        let errors = list.first_ok().expect_err("all have failed");
        setter.join().expect("`set` does not panic");
        let [
            CallError::Failed(0),
            CallError::Failed(1),
            CallError::Failed(2),
            CallError::Failed(3),
            CallError::Lost(TaskError::Abandoned),
        ] = &errors[..]
        else {
            panic!("{errors:?}")
        };
    });
}

#[test]
fn as_completed_gives_them_as_they_end() {
    watched(|| {
        let (promises, list) = promises(5);
        let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
        let mut calls = list.as_completed();
        for (left, index) in [3, 0, 4, 2, 1].into_iter().enumerate().map(|(done, index)| (5 - done, index)) {
            assert_eq!((calls.len(), calls.size_hint()), (left, (left, Some(left))));
            let promise = promises[index].take().expect("each once");
            let is_lost = index == 4;
            let setter = thread::spawn(move || if is_lost { drop(promise) } else { promise.set(index) });
            let (at, outcome) = calls.next().expect("there are more");
            setter.join().expect("`set` does not panic");
            assert_eq!(at, index);
            match outcome {
                Ok(value) => assert_eq!(value, index),
                Err(error) => assert!(is_lost && matches!(error, TaskError::Abandoned)),
            }
        }
        assert!(calls.next().is_none() && calls.next().is_none());
    });
}

#[test]
fn as_completed_dropped_half_way_lets_the_rest_go_on() {
    watched(|| {
        let (pool, gate, drops) = (Pool::new(1), Gate::new(), DropCounter::new());
        let tokens: Vec<_> = (0..3).map(|n| (n, drops.token())).collect();
        let at_gate = gate.clone();
        let list = pool.map(tokens, move |(n, token)| {
            if n > 0 {
                at_gate.pass();
            }
            token
        });
        let mut calls = list.as_completed();
        assert_eq!(calls.next().expect("there are three").0, 0);
        drop(calls);
        gate.open();
        pool.close();
        assert_eq!((drops.count(), pool.stats().finished), (3, 3));
    });
}

/// The time is for the whole list, however many of its calls are late.
#[test]
fn a_timeout_is_for_all() {
    watched(|| {
        let time = Duration::from_millis(100);
        let (promises, list) = promises(50);
        let start = Instant::now();
        assert!(!list.wait_timeout(time));
        let list = list.get_timeout(time).expect_err("nobody has ended");
        assert!((time * 2..time * 40).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert!(!list.wait_timeout(Duration::ZERO));
        for promise in promises {
            promise.set(1);
        }
        assert!(list.wait_timeout(Duration::ZERO));
        assert_eq!(list.get_timeout(Duration::MAX).expect("all have ended").len(), 50);
    });
}

/// In a call, where a wait with a deadline runs nothing itself.
#[test]
fn a_timeout_is_for_all_in_a_call() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let (promises, list) = promises::<u8>(50);
        let time = Duration::from_millis(50);
        let waiter = pool.spawn(move || {
            let start = Instant::now();
            let list = list.get_timeout(time).expect_err("nobody has ended");
            let list = list.first_timeout(time).expect_err("nobody has ended");
            (list, start.elapsed())
        });
        let (list, elapsed) = waiter.get();
        assert!((time * 2..time * 40).contains(&elapsed), "{elapsed:?}");
        assert!(list.first_timeout(Duration::ZERO).is_err());
        drop(promises);
    });
}

#[test]
fn a_timed_get_panics_as_get_does() {
    watched(|| {
        let list = AsyncList::from(vec![AsyncValue::ready(1), panicking()]);
        let payload = catch_unwind(AssertUnwindSafe(|| list.get_timeout(Duration::MAX))).expect_err("a call panicked");
        assert_eq!(payload.downcast_ref(), Some(&"no luck"));
    });
}

#[test]
fn cancel_counts_those_that_never_run() {
    watched(|| {
        let (pool, gate) = (Pool::new(2), Gate::new());
        let at_gate = gate.clone();
        let mut list = pool.map(0..10, move |_| at_gate.pass());
        list.push(AsyncValue::ready(()));
        list.push(AsyncValue::promise().1);
        gate.wait_for(2);
        assert_eq!(list.cancel(), 8);
        gate.open();
        pool.close();
        assert_eq!((pool.stats().finished, pool.stats().cancelled, gate.arrived()), (2, 8, 2));
    });
}

#[test]
fn nothing_at_all() {
    watched(|| {
        let empty = AsyncList::<Result<u8, String>>::new;
        assert!(empty().is_finished() && !empty().is_error() && empty().is_empty());
        empty().wait();
        assert!(empty().wait_timeout(Duration::ZERO));
        assert!(empty().get().is_empty() && empty().outcomes().is_empty());
        assert!(empty().get_timeout(Duration::ZERO).is_ok_and(|all| all.is_empty()));
        let (results, errors) = empty().join();
        assert!(results.is_empty() && errors.is_empty());
        assert!(empty().first().is_none());
        assert!(empty().first_timeout(Duration::ZERO).is_ok_and(|first| first.is_none()));
        assert!(empty().first_ok().is_err_and(|errors| errors.is_empty()));
        let mut calls = empty().as_completed();
        assert_eq!((calls.len(), calls.next().is_none()), (0, true));
        assert_eq!(empty().cancel(), 0);
        assert!(futures::executor::block_on(empty()).is_empty());
        assert_eq!(empty().map(|all| all.len()).get(), 0);
        assert_eq!(empty().chain(|| "ran").get(), "ran");
    });
}

#[test]
fn is_a_collection() {
    watched(|| {
        let mut list: AsyncList<_> = (0..3).map(AsyncValue::ready).collect();
        list.extend((3..5).map(AsyncValue::ready));
        list.extend(AsyncList::from(vec![AsyncValue::ready(5)]));
        list.push(AsyncValue::ready(6));
        assert_eq!((list.len(), list.is_empty()), (7, false));
        assert!((&list).into_iter().all(AsyncValue::is_finished));
        assert_eq!(list.iter().count(), 7);
        assert_eq!(list.into_iter().map(AsyncValue::get).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(AsyncList::<u8>::default().is_empty());
    });
}

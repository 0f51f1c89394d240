//! Calls that wait: what it costs to wait, and what a cancelled one leaves behind.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::pooled;

use crate::fates::Fate;
use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Token;
use crate::helpers::until;
use crate::helpers::watched;

static ALONE: Pool = Pool::new(1);

#[pooled(pool = ALONE)]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

#[pooled(pool = ALONE)]
fn hold(token: Token, shared: &Token, list: Vec<Token>, n: u64) -> u64 {
    drop((token, shared, list));
    n
}

#[test]
fn waiting_calls_occupy_no_worker() {
    /// For this test only, since it looks at the stats.
    static QUIET: Pool = Pool::new(1);

    #[pooled(pool = QUIET)]
    fn add(a: u64, b: u64) -> u64 {
        a + b
    }

    watched(|| {
        let (promise, value) = AsyncValue::<u64>::promise();
        let waiting: AsyncList<_> = (0..1000).map(|n| add(&value, n)).collect();
        let stats = QUIET.stats();
        assert_eq!((stats.queued, stats.running, stats.blocked), (0, 0, 0));
        assert_eq!((0..100).map(|n| add(n, n)).collect::<AsyncList<_>>().get().len(), 100);
        assert!(waiting.iter().all(|call| !call.is_finished()));
        promise.set(1);
        assert_eq!(waiting.get(), (1..=1000).collect::<Vec<_>>());
    });
}

#[derive(Clone)]
struct Bounded {
    pool: Arc<Pool>,
}

impl Bounded {
    #[pooled(pool = self.pool)]
    fn pass(&self, n: u64) -> u64 {
        n
    }
}

#[test]
fn waiting_calls_have_no_place_in_a_bounded_queue() {
    watched(|| {
        for on_full in [OnFull::Reject, OnFull::Block, OnFull::RunHere] {
            let pool = Arc::new(Pool::builder().workers(0).queue(2).on_full(on_full).build().unwrap());
            let bounded = Bounded { pool: pool.clone() };
            let (promise, value) = AsyncValue::<u64>::promise();
            let waiting: AsyncList<_> = (0..1000).map(|_| bounded.pass(&value)).collect();
            // The queue still has room for two.
            let queued = [pool.spawn(|| 1), pool.spawn(|| 2)];
            assert_eq!(pool.stats().queued, 2);
            // What becomes ready later enters the queue beyond its bound: there is no caller to hold up.
            promise.set(1);
            assert_eq!(pool.stats().queued, 1002);
            pool.set_workers(1);
            assert_eq!(waiting.get(), [1; 1000]);
            assert_eq!(queued.map(AsyncValue::get), [1, 2]);
            // The calls that have run take up no room.
            pool.set_workers(0);
            let again = [pool.spawn(|| 1), pool.spawn(|| 2)];
            assert_eq!(pool.stats().queued, 2);
            pool.set_workers(1);
            assert_eq!(again.map(AsyncValue::get), [1, 2]);
        }
    });
}

#[test]
fn the_arguments_of_a_cancelled_call_are_dropped_at_once() {
    watched(|| {
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::<u64>::promise();
        let (late, later) = AsyncValue::<Token>::promise();
        let tokens = || AsyncValue::ready(drops.token());
        let list = AsyncList::from_iter([tokens(), later, tokens()]);
        let call = hold(drops.token(), tokens().shared(), list, &value);
        assert_eq!(drops.count(), 0);
        assert!(call.cancel());
        assert_eq!(drops.count(), 4);
        // Calls that it needed go on, and what they bring is dropped as soon as it is there.
        late.set(drops.token());
        assert_eq!(drops.count(), 5);
        promise.set(7);
        assert_eq!(value.get(), 7);
    });
}

#[test]
fn a_cancelled_call_ends_those_that_need_it_and_no_others() {
    watched(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let (promise, value) = AsyncValue::<u64>::promise();
        let cancelled = add(&value, 1);
        let count = |n: u64| {
            let runs = runs.clone();
            move |m: u64| {
                runs.fetch_add(1, Ordering::SeqCst);
                n + m
            }
        };
        let needs = add(&cancelled, 1).map(count(1));
        let also = add(1, &cancelled).zip(add(&value, 0));
        let other = add(&value, 2).map(count(0));
        assert!(cancelled.cancel());
        let error = needs.outcome().unwrap_err();
        assert!(matches!(error, TaskError::Upstream(_)) && Fate::of(&error) == Some(Fate::Cancelled), "{error}");
        assert!(!also.is_finished(), "waits for its other argument");
        promise.set(1);
        assert_eq!(Fate::of(&also.outcome().unwrap_err()), Some(Fate::Cancelled));
        assert_eq!(other.get(), 3);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_promise_cannot_be_cancelled_and_what_has_ended_neither() {
    watched(|| {
        let (promise, value) = AsyncValue::<u64>::promise();
        assert!(!value.cancel());
        promise.set(1);
        let ended = add(1, 1);
        ended.wait();
        assert!(!ended.cancel());
        let (promise, value) = AsyncValue::<u64>::promise();
        let both = value.zip(AsyncValue::ready(1));
        assert!(both.cancel(), "a `zip` waits like any call");
        promise.set(1);
    });
}

#[test]
fn a_cancelled_list_takes_all_that_wait() {
    watched(|| {
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::<u64>::promise();
        let list: AsyncList<_> =
            (0..100).map(|_| hold(drops.token(), AsyncValue::ready(drops.token()), vec![], &value)).collect();
        assert_eq!(list.cancel(), 100);
        assert_eq!(drops.count(), 200);
        drop(promise);
    });
}

#[test]
fn first_cancels_what_has_not_started() {
    watched(|| {
        let drops = DropCounter::new();
        let pool = Pool::new(1);
        let gate = Gate::new();
        let running = pool.spawn({
            let gate = gate.clone();
            move || gate.pass()
        });
        gate.wait_for(1);
        let (promise, value) = AsyncValue::<()>::promise();
        let queued = {
            let token = drops.token();
            pool.spawn(move || drop(token))
        };
        let waiting = {
            let token = drops.token();
            value.map(move |()| drop(token))
        };
        let (winner, wins) = AsyncValue::promise();
        let list = AsyncList::from_iter([running, queued, waiting, wins]);
        winner.set(());
        assert_eq!(list.first(), Some(()));
        assert_eq!(drops.count(), 2);
        assert_eq!(pool.stats().cancelled, 1);
        gate.open();
        pool.close();
        assert_eq!(pool.stats().finished, 1);
        drop(promise);
    });
}

/// Cancels so many calls in the very moment when the value that they wait for is set: how many were cancelled.
fn cancelled_in_the_moment_of_readiness<T>(rounds: usize, make: impl Fn(AsyncValue<u64>) -> AsyncValue<T>) -> usize {
    let start = Arc::new(Barrier::new(2));
    let (sender, promises) = mpsc::channel::<Promise<u64>>();
    let setter = thread::spawn({
        let start = start.clone();
        move || {
            for promise in promises {
                start.wait();
                promise.set(1);
            }
        }
    });
    let mut cancelled = 0;
    for _ in 0..rounds {
        let (promise, value) = AsyncValue::promise();
        let call = make(value);
        sender.send(promise).unwrap();
        start.wait();
        cancelled += usize::from(call.cancel());
    }
    drop(sender);
    setter.join().unwrap();
    cancelled
}

#[test]
fn a_call_is_cancelled_or_runs_and_never_both() {
    watched(|| {
        let pool = Pool::new(1);
        let (drops, runs) = (DropCounter::new(), Arc::new(AtomicUsize::new(0)));
        let cancelled = cancelled_in_the_moment_of_readiness(3000, |value| {
            let (runs, token) = (runs.clone(), drops.token());
            pool.spawn(|| 1).zip(value).map(move |_| {
                runs.fetch_add(1, Ordering::SeqCst);
                drop(token);
            })
        });
        pool.close();
        assert_eq!(cancelled + runs.load(Ordering::SeqCst), 3000);
        assert_eq!(drops.count(), 3000);
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.running, stats.cancelled), (0, 0, cancelled));
    });
}

#[test]
fn what_was_cancelled_in_the_moment_of_readiness_is_counted_right() {
    watched(|| {
        let pool = Arc::new(Pool::builder().workers(1).queue(1).on_full(OnFull::Reject).build().unwrap());
        let bounded = Bounded { pool: pool.clone() };
        cancelled_in_the_moment_of_readiness(20_000, |value| bounded.pass(value));
        until("the pool rests", || pool.spawn(|| ()).outcome().is_ok());
        pool.set_workers(0);
        let queued = pool.spawn(|| ());
        assert!(!queued.is_finished(), "no room was lost");
        assert!(matches!(pool.spawn(|| ()).outcome(), Err(TaskError::Rejected)), "no room was won");
        assert_eq!(pool.stats().queued, 1);
    });
}

#[test]
fn a_zip_is_no_call_of_a_pool() {
    watched(|| {
        let pool = Pool::new(1);
        cancelled_in_the_moment_of_readiness(10_000, |value| pool.spawn(|| 1).zip(value));
        pool.spawn(|| ()).get();
        pool.set_workers(0);
        let (promise, value) = AsyncValue::<u64>::promise();
        assert!(pool.spawn(|| 1).zip(value).cancel());
        drop(promise);
        let stats = pool.stats();
        assert_eq!((stats.queued, stats.finished, stats.cancelled), (1, 10_001, 0));
    });
}

#[test]
fn a_waiting_call_whose_handle_is_gone_goes_on() {
    watched(|| {
        let drops = DropCounter::new();
        let ran = Gate::new();
        let (promise, value) = AsyncValue::<u64>::promise();
        let result = drops.token();
        value
            .map({
                let ran = ran.clone();
                move |_| {
                    ran.pass();
                    result
                }
            })
            .detach();
        promise.set(1);
        ran.wait_for(1);
        assert_eq!(drops.count(), 0);
        ran.open();
        until("the unwanted result is dropped", || drops.count() == 1);
    });
}

/// While a worker clears the queue of them, too.
#[test]
fn cancelled_calls_are_never_counted_as_queued() {
    watched(|| {
        for _ in 0..50 {
            let (pool, gate) = (Pool::new(1), Gate::new());
            let _opener = gate.opener();
            let first = pool.spawn({
                let gate = gate.clone();
                move || gate.pass()
            });
            gate.wait_for(1);
            let calls: Vec<_> = (0..1_000).map(|n| pool.spawn(move || n)).collect();
            assert_eq!(pool.stats().queued, 1_000);
            assert!(calls.iter().all(AsyncValue::cancel));
            let last = pool.spawn(|| ());
            gate.open();
            while !last.is_finished() {
                let stats = pool.stats();
                assert!(stats.queued <= 1, "{stats:?}");
            }
            first.get();
        }
    });
}

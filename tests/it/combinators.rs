//! What follows a call: what it computes, where it runs, and that a `chain` runs once.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

use crate::fates::Fate;
use crate::helpers::DropCounter;
use crate::helpers::watched;

static POOL: Pool = Pool::new(2);

fn lost() -> AsyncValue<Result<u8, String>> {
    let (promise, value) = AsyncValue::promise();
    drop(promise);
    value
}

fn ok(n: u8) -> AsyncValue<Result<u8, String>> {
    AsyncValue::ready(Ok(n))
}

fn err() -> AsyncValue<Result<u8, String>> {
    AsyncValue::ready(Err("bad".to_owned()))
}

fn never<T>(_: T) -> u8 {
    unreachable!("runs although its argument is not there")
}

fn is_abandoned<T>(outcome: Result<T, TaskError>) -> bool {
    outcome.is_err_and(|error| matches!(error, TaskError::Upstream(_)) && Fate::of(&error) == Some(Fate::Abandoned))
}

#[test]
fn what_they_compute() {
    watched(|| {
        assert_eq!(ok(1).map(|n| n.unwrap() + 1).get(), 2);
        assert!(is_abandoned(lost().map(never).outcome()));

        assert_eq!(ok(1).chain(|| "after").get(), "after");
        assert_eq!(lost().chain(|| "after").get(), "after");

        assert_eq!(ok(1).zip(err()).get(), (Ok(1), Err("bad".to_owned())));
        assert!(is_abandoned(lost().zip(ok(1)).outcome()));
        assert!(is_abandoned(ok(1).zip(lost()).outcome()));

        assert_eq!(ok(1).and_then(|n| Ok(n + 1)).get(), Ok(2));
        assert_eq!(ok(1).and_then(|_| Err::<u8, _>("later".to_owned())).get(), Err("later".to_owned()));
        assert_eq!(err().and_then(|n| Ok(never(n))).get(), Err("bad".to_owned()));
        assert!(is_abandoned(lost().and_then(|n| Ok(never(n))).outcome()));

        assert_eq!(ok(1).map_ok(|n| n + 1).get(), Ok(2));
        assert_eq!(err().map_ok(never).get(), Err("bad".to_owned()));
        assert!(is_abandoned(lost().map_ok(never).outcome()));

        assert_eq!(ok(1).map_err(never).get(), Ok(1));
        assert_eq!(err().map_err(|error| error.len()).get(), Err(3));
        assert!(is_abandoned(lost().map_err(never).outcome()));

        let shared = ok(1).shared();
        assert_eq!((shared.get(), shared.clone().get()), (&Ok(1), &Ok(1)));
        assert!(lost().shared().outcome().is_err());
    });
}

#[test]
fn what_they_compute_of_lists() {
    watched(|| {
        let list = |calls: Vec<AsyncValue<Result<u8, String>>>| AsyncList::from(calls);
        assert_eq!(list(vec![ok(1), err(), ok(3)]).map(|all| all.len()).get(), 3);
        assert!(is_abandoned(list(vec![ok(1), lost()]).map(never).outcome()));
        assert_eq!(list(vec![ok(1), lost()]).chain(|| "after").get(), "after");
        assert_eq!(list(vec![]).map(|all| all.len()).get(), 0);
        assert_eq!(list(vec![]).chain(|| "after").get(), "after");
        let (promise, value) = AsyncValue::promise();
        let (other, also) = AsyncValue::promise();
        let chained = list(vec![lost(), value]).chain(|| 1);
        let mapped = list(vec![ok(1), also]).map(|all| all.len());
        assert!(!mapped.is_finished() && !chained.is_finished());
        other.set(Ok(2));
        assert_eq!(mapped.get(), 2);
        assert!(!chained.is_finished(), "ends before the last call has");
        promise.set(Ok(1));
        assert_eq!(chained.get(), 1);
    });
}

#[test]
fn they_never_block_and_wait_for_their_call() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let (other, more) = AsyncValue::promise();
        let last = value.map(|n: u8| n + 1).zip(more).map(|(a, b): (u8, u8)| Ok::<_, u8>(a + b));
        let last = last.map_ok(|n| n * 2).and_then(|n| if n > 9 { Err(n) } else { Ok(n) }).map_err(u32::from);
        assert!(!last.is_finished());
        promise.set(1);
        other.set(4);
        assert_eq!(last.get(), Err(12));
    });
}

fn here() -> String {
    let name = thread::current().name().unwrap_or_default().to_owned();
    name.rsplit_once('-').map_or(name.clone(), |(pool, _number)| pool.to_owned())
}

/// A pool whose threads tell it apart.
fn named(name: &str) -> Pool {
    Pool::builder().workers(1).name(name).build().unwrap()
}

#[parallel]
fn beside() -> u8 {
    1
}

#[pooled(workers = 1)]
fn owned() -> String {
    here()
}

#[test]
fn a_closure_runs_on_the_pool_of_the_call_it_follows() {
    watched(|| {
        let pool = named("mine");
        let call = || pool.spawn(|| Ok::<u8, u8>(1));
        assert_eq!(call().map(|_| here()).get(), "mine");
        assert_eq!(call().chain(here).get(), "mine");
        assert_eq!(call().and_then(|_| Ok(here())).get().unwrap(), "mine");
        assert_eq!(call().map_ok(|_| here()).get().unwrap(), "mine");
        assert_eq!(pool.spawn(|| Err::<u8, u8>(1)).map_err(|_| here()).get().unwrap_err(), "mine");
        assert_eq!(call().map(|_| 1).chain(|| 2).map(|_| here()).get(), "mine", "and so on");
        let own = owned();
        own.wait();
        assert!(own.map(|pool| pool == here()).get());

        // Whether or not the call has ended.
        let gone = call();
        gone.wait();
        assert_eq!(gone.map(|_| here()).get(), "mine");
        assert_eq!(pool.spawn(|| panic!("no luck")).chain(here).get(), "mine");
        pool.set_workers(0);
        let chain = call().chain(here);
        assert_eq!(pool.cancel_queued(), 1, "what follows stands in the queue only after that");
        assert!(!chain.is_finished());
        pool.set_workers(1);
        assert_eq!(chain.get(), "mine");
    });
}

#[test]
fn without_a_pool_it_is_the_default_pool() {
    watched(|| {
        assert_eq!(AsyncValue::ready(1).map(|_| here()).get(), "asynctools");
        let (promise, value) = AsyncValue::<u8>::promise();
        let call = value.map(|_| here());
        promise.set(1);
        assert_eq!(call.get(), "asynctools");
        assert_eq!(AsyncList::<u8>::new().map(|_| here()).get(), "asynctools");
        assert_eq!(AsyncList::<u8>::new().chain(here).get(), "asynctools");
        assert_eq!(lost().chain(here).get(), "asynctools");
    });
}

#[test]
fn after_parallel_it_has_a_thread_like_that() {
    watched(|| {
        assert_eq!(beside().map(|_| here()).get(), "parallel");
        assert_eq!(parallel(|| 1).chain(here).get(), "parallel");
        assert_eq!(parallel(|| 1).zip(AsyncValue::ready(1)).map(|_| here()).get(), "parallel");
        // However many run already: each of these waits for all the others.
        let all = Arc::new(Barrier::new(50));
        let calls: AsyncList<_> = (0..50)
            .map(|_| {
                let all = all.clone();
                parallel(|| 1).map(move |_| all.wait().is_leader())
            })
            .collect();
        assert_eq!(calls.get().into_iter().filter(|leads| *leads).count(), 1);
    });
}

#[test]
fn after_many_it_is_the_first_ones_pool() {
    watched(|| {
        let (left, right) = (named("left"), named("right"));
        let call = |pool: &Pool| pool.spawn(|| 1);
        assert_eq!(call(&left).zip(call(&right)).map(|_| here()).get(), "left");
        assert_eq!(call(&right).zip(call(&left)).chain(here).get(), "right");
        assert_eq!(AsyncValue::ready(1).zip(call(&left)).map(|_| here()).get(), "asynctools");
        assert_eq!(call(&left).zip(AsyncValue::ready(1)).map(|_| here()).get(), "left");
        assert_eq!(AsyncList::from_iter([call(&left), call(&right)]).map(|_| here()).get(), "left");
        assert_eq!(AsyncList::from_iter([call(&right), call(&left)]).chain(here).get(), "right");
        let mixed = AsyncList::from_iter([AsyncValue::ready(1), call(&left)]);
        assert_eq!(mixed.map(|_| here()).get(), "asynctools");
    });
}

#[test]
fn a_chain_runs_once_however_its_call_ends() {
    watched(|| {
        for fate in Fate::ALL {
            for sooner in [true, false] {
                let (call, end) = fate.call(1);
                // A call of a closed pool is followed on that pool, unless something without one stands between.
                let call = AsyncList::from_iter([AsyncValue::ready(0), call]);
                let runs = Arc::new(AtomicUsize::new(0));
                let run = {
                    let runs = runs.clone();
                    move || runs.fetch_add(1, Ordering::SeqCst)
                };
                let chain = if sooner {
                    end.now();
                    call.chain(run)
                } else {
                    let chain = call.chain(run);
                    assert!(!chain.is_finished());
                    end.now();
                    chain
                };
                assert_eq!(chain.get(), 0, "{fate:?}");
                assert_eq!(runs.load(Ordering::SeqCst), 1, "{fate:?}");
            }
        }
    });
}

#[test]
fn a_chain_that_is_made_in_the_moment_of_the_end_runs_once() {
    watched(|| {
        let start = Arc::new(Barrier::new(2));
        let (sender, promises) = std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let ender = thread::spawn({
            let start = start.clone();
            move || {
                for end in promises {
                    start.wait();
                    end();
                }
            }
        });
        let runs = Arc::new(AtomicUsize::new(0));
        for round in 1..=3000 {
            let (promise, value) = AsyncValue::promise();
            let end: Box<dyn FnOnce() + Send> = match round % 3 {
                0 => Box::new(move || promise.set(1)),
                1 => Box::new(move || drop(promise)),
                _ => Box::new(move || promise.set(2)),
            };
            sender.send(end).unwrap();
            start.wait();
            let runs = runs.clone();
            let chain = value.chain(move || runs.fetch_add(1, Ordering::SeqCst));
            assert_eq!(chain.get(), round - 1);
        }
        drop(sender);
        ender.join().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 3000);
    });
}

#[test]
fn what_follows_a_call_of_a_closed_pool_is_closed() {
    watched(|| {
        let never = || -> u8 { unreachable!("runs on a closed pool") };
        let pool = named("closed");
        let (promise, value) = AsyncValue::<u8>::promise();
        let waits = pool.spawn(|| 1).zip(value).chain(never);
        let after = pool.spawn(|| 1);
        after.wait();
        pool.close();
        promise.set(1);
        assert!(matches!(waits.outcome(), Err(TaskError::Closed)));
        let more = after.map(move |_| never());
        drop(pool);
        // A pool that is gone is closed.
        assert!(matches!(more.chain(never).outcome(), Err(TaskError::Closed)));
    });
}

#[test]
fn a_chain_drops_the_result_it_does_not_want() {
    watched(|| {
        let drops = DropCounter::new();
        let token = drops.token();
        let chain = POOL.spawn(|| token).chain({
            let drops = drops.clone();
            move || drops.count()
        });
        assert_eq!(chain.get(), 1, "the result is gone before the closure runs");
    });
}

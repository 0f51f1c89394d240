//! Panics reach the waiter with their payload, and no worker dies of one, wherever it comes from.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::panic_any;
use std::thread;
use std::thread::ThreadId;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;
use futures::executor::block_on;

use crate::helpers::Bomb;
use crate::helpers::DropCounter;
use crate::helpers::until;
use crate::helpers::watched;

fn worker(pool: &Pool) -> ThreadId {
    pool.spawn(|| thread::current().id()).get()
}

/// Runs `harm` with a pool of one worker: that worker is still there afterwards, and nobody else.
fn survives(harm: impl FnOnce(&Pool, &DropCounter)) {
    let (pool, drops) = (Pool::new(1), DropCounter::new());
    let before = worker(&pool);
    harm(&pool, &drops);
    assert_eq!(worker(&pool), before, "the worker was replaced");
    until("the bomb went off", || drops.count() == 1);
    pool.close();
    assert_eq!(drops.count(), 1, "dropped more than once");
}

#[test]
fn a_payload_keeps_its_type() {
    #[derive(Debug, PartialEq)]
    struct Own(u8);
    watched(|| {
        let pool = Pool::new(1);
        let caught = |call: AsyncValue<u8>| catch_unwind(AssertUnwindSafe(|| call.get())).expect_err("it panicked");
        assert_eq!(caught(pool.spawn(|| panic!("a text"))).downcast_ref(), Some(&"a text"));
        let n = 5;
        assert_eq!(caught(pool.spawn(move || panic!("a {n}"))).downcast_ref(), Some(&String::from("a 5")));
        assert_eq!(caught(pool.spawn(|| panic_any(Own(7)))).downcast_ref(), Some(&Own(7)));
        assert_eq!((pool.stats().finished, pool.stats().panicked), (3, 3));
    });
}

#[test]
fn an_outcome_tells_the_text_and_the_place() {
    #[pooled(workers = 1)]
    fn unlucky(n: u32) -> u32 {
        assert_eq!(n, 7, "only seven");
        n
    }
    watched(|| {
        let line = line!() + 1;
        let error = unlucky(6).outcome().expect_err("it panicked");
        assert!(error.to_string().starts_with(&format!("unlucky ({}:{line}): panicked: ", file!())), "{error}");
        assert!(error.to_string().contains("only seven"), "{error}");
        let TaskError::Panicked(panic) = error else { panic!("not a panic: {error}") };
        assert!(panic.take_payload().is_some() && panic.take_payload().is_none());
    });
}

/// Each wait that panics does so with the payload of the call, also inside another call.
#[test]
fn a_payload_crosses_calls() {
    watched(|| {
        let outer = Pool::new(1);
        let inner = Pool::new(1);
        let call = outer.spawn(move || inner.spawn(|| -> u8 { panic_any(7_u64) }).get());
        let payload = catch_unwind(AssertUnwindSafe(|| call.get())).expect_err("it panicked");
        assert_eq!(payload.downcast_ref(), Some(&7_u64));
    });
}

#[test]
fn in_the_call() {
    watched(|| {
        survives(|pool, drops| {
            let token = drops.token();
            let call = pool.spawn(move || {
                let _token = token;
                panic!("no luck");
            });
            assert!(call.outcome().is_err());
        });
    });
}

#[test]
fn in_the_drop_of_an_argument() {
    static POOL: Pool = Pool::new(1);
    #[pooled(pool = POOL)]
    fn takes(_bomb: Bomb) -> u8 {
        5
    }
    watched(|| {
        let (before, drops) = (worker(&POOL), DropCounter::new());
        let error = takes(drops.bomb()).outcome().expect_err("its argument panicked");
        assert!(error.to_string().ends_with("panicked: dropped a bomb"), "{error}");
        assert_eq!((worker(&POOL), drops.count()), (before, 1));
    });
}

#[test]
fn in_the_drop_of_what_the_call_took() {
    watched(|| {
        survives(|pool, drops| {
            let bomb = drops.bomb();
            let call = pool.spawn(move || {
                let _bomb = &bomb;
                5
            });
            let error = call.outcome().expect_err("its argument panicked");
            assert!(error.to_string().ends_with("panicked: dropped a bomb"), "{error}");
        });
    });
}

#[test]
fn in_the_drop_of_what_a_cancelled_call_took() {
    watched(|| {
        survives(|pool, drops| {
            pool.set_workers(0);
            let bomb = drops.bomb();
            assert!(pool.spawn(move || drop(bomb)).cancel());
            assert_eq!(drops.count(), 1);
            pool.set_workers(1);
        });
    });
}

#[test]
fn in_the_drop_of_a_result_that_nobody_wants() {
    watched(|| {
        survives(|pool, drops| {
            let bomb = drops.bomb();
            pool.spawn(move || bomb).detach();
        });
    });
}

/// The panic goes on where the handle is dropped, as that of any value there.
#[test]
fn in_the_drop_of_a_handle_with_its_result() {
    watched(|| {
        for detaches in [false, true] {
            survives(|pool, drops| {
                let bomb = drops.bomb();
                let call = pool.spawn(move || bomb);
                call.wait();
                let drop_it = || if detaches { call.detach() } else { drop(call) };
                let payload = catch_unwind(AssertUnwindSafe(drop_it)).expect_err("the drop panicked");
                assert_eq!(payload.downcast_ref(), Some(&"dropped a bomb"));
            });
        }
    });
}

#[test]
fn in_the_drop_of_results_beside_a_loss() {
    watched(|| {
        type Way = fn(AsyncList<Option<Bomb>>) -> usize;
        let ways: [Way; 3] =
            [|list| list.get().len(), |list| block_on(list).len(), |list| list.try_get().map_or(0, |list| list.len())];
        for get in ways {
            let (pool, drops) = (Pool::new(1), DropCounter::new());
            let bombs = || pool.map([Some(drops.bomb()), Some(drops.bomb())], |bomb| bomb).into_iter();
            let failed = pool.spawn(|| -> Option<Bomb> { panic!("the call") });
            let list: AsyncList<_> = bombs().chain([failed]).chain(bombs()).collect();
            pool.wait_idle();
            let payload = catch_unwind(AssertUnwindSafe(|| get(list))).expect_err("a call was lost");
            assert_eq!(payload.downcast_ref(), Some(&"the call"));
            assert_eq!(drops.count(), 4);
        }
    });
}

#[test]
fn in_the_drop_of_the_key_of_a_lost_call() {
    watched(|| {
        let (pool, drops) = (Pool::new(1), DropCounter::new());
        let calls = || [(drops.bomb(), pool.spawn(|| -> u8 { panic!("the call") }))].into_iter();
        let ways: [&dyn Fn() -> Option<(Bomb, u8)>; 2] =
            [&|| calls().buffered(1).next(), &|| calls().buffer_unordered(1).next()];
        for (index, next) in ways.into_iter().enumerate() {
            let payload = catch_unwind(AssertUnwindSafe(|| next().is_some())).expect_err("the call was lost");
            assert_eq!(payload.downcast_ref(), Some(&"the call"));
            assert_eq!(drops.count(), index + 1);
        }
    });
}

#[test]
fn in_the_drop_of_a_payload_that_nobody_wants() {
    watched(|| {
        survives(|pool, drops| {
            let bomb = drops.bomb();
            pool.spawn(move || panic_any(bomb)).detach();
        });
        survives(|pool, drops| {
            let bomb = drops.bomb();
            let error = pool.spawn(move || panic_any(bomb)).outcome().expect_err("it panicked");
            assert_eq!(error.to_string().rsplit(": ").next(), Some("Box<dyn Any>"));
            drop(error);
        });
    });
}

/// A payload whose drop panics with such a payload.
#[test]
fn in_the_drop_of_payloads_of_payloads() {
    struct Nest(u32, DropCounter);
    impl Drop for Nest {
        fn drop(&mut self) {
            drop(self.1.token());
            if let Some(depth) = self.0.checked_sub(1) {
                panic_any(Nest(depth, self.1.clone()));
            }
        }
    }
    watched(|| {
        let (pool, drops) = (Pool::new(1), DropCounter::new());
        let before = worker(&pool);
        let nest = Nest(5, drops.clone());
        pool.spawn(move || panic_any(nest)).detach();
        assert_eq!(worker(&pool), before);
        assert!(drops.count() >= 1);
    });
}

#[test]
fn in_a_continuation() {
    watched(|| {
        survives(|pool, drops| {
            let token = drops.token();
            let call = pool.spawn(|| 5).map(move |_| {
                let _token = token;
                panic!("no luck")
            });
            assert!(call.outcome().is_err_and(|error: TaskError| matches!(error, TaskError::Panicked(_))));
        });
        survives(|pool, drops| {
            let bomb = drops.bomb();
            // The result that `chain` passes over.
            assert_eq!(pool.spawn(move || bomb).chain(|| 6).get(), 6);
        });
    });
}

/// The siblings of a call that panics do not notice.
#[test]
fn no_sibling_is_lost() {
    watched(|| {
        let pool = Pool::new(3);
        let calls = pool.map(0..300, |n| {
            assert!(n % 3 != 0, "no luck");
            n
        });
        let outcomes = calls.outcomes();
        for (n, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.as_ref().ok(), (n % 3 != 0).then_some(&n));
        }
        assert_eq!((pool.stats().finished, pool.stats().panicked), (300, 100));
    });
}

/// Two waiters of one panic: one has the payload, the other the text.
#[test]
fn one_payload_for_two_readers() {
    watched(|| {
        let pool = Pool::new(1);
        let shared = pool.spawn(|| -> u8 { panic_any(String::from("no luck")) }).shared();
        let other = shared.clone();
        let read = |shared: asynctools::Shared<u8>| {
            let payload = catch_unwind(AssertUnwindSafe(|| *shared.get())).expect_err("it panicked");
            payload.downcast_ref::<String>().expect("a text").clone()
        };
        let (first, second) = (read(shared), read(other));
        assert_eq!(first, "no luck");
        assert!(second.contains("spawn (") && second.ends_with("panicked: no luck"), "{second}");
    });
}

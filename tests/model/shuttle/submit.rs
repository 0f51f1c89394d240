//! Threads submit calls.

use std::sync::Arc;

use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use asynctools_model::TaskError;
use shuttle::sync::Barrier;
use shuttle::thread;

use crate::check;
use crate::helpers::Ceiling;
use crate::helpers::SECOND;
use crate::helpers::pause;
use crate::helpers::shared;

#[test]
fn two_threads_submit() {
    check(|| {
        let pool = shared(2);
        let ceiling = Ceiling::of(2);
        let submit = move |pool: &Pool, from: u32| {
            let call = |n| {
                let ceiling = ceiling.clone();
                pool.spawn(move || ceiling.within(|| n))
            };
            let calls = [call(from), call(from + 1)];
            assert_eq!(calls.map(AsyncValue::get), [from, from + 1]);
        };
        let (other, there) = (submit.clone(), pool.clone());
        let other = thread::spawn(move || other(&there, 10));
        submit(&pool, 20);
        other.join().expect("it ended well");
        assert_eq!(pool.stats().finished, 4);
    });
}

#[test]
fn as_many_run_as_there_are_workers() {
    check(|| {
        let pool = shared(2);
        pool.spawn(pause).detach();
        let barrier = Arc::new(Barrier::new(2));
        let meet = |pool: &Pool| {
            let barrier = barrier.clone();
            pool.spawn(move || {
                barrier.wait();
            })
        };
        // Neither ends unless the other one runs too.
        let first = meet(&pool);
        let second = meet(&pool);
        first.get();
        second.get();
    });
}

#[test]
fn a_worker_survives_a_panic() {
    check(|| {
        let pool = Pool::new(1);
        // Without the hook, which would print each of them.
        let lost = pool.spawn(|| std::panic::resume_unwind(Box::new("no luck")));
        let next = pool.spawn(|| 5);
        let error: Result<(), _> = lost.outcome();
        assert!(matches!(error, Err(TaskError::Panicked(_))));
        assert_eq!(next.get(), 5);
        pool.close();
        assert_eq!((pool.stats().finished, pool.stats().panicked), (2, 1));
    });
}

#[test]
fn an_idle_worker_leaves_while_calls_come() {
    check(|| {
        let pool = Pool::builder().workers(1).idle_timeout(SECOND).build().expect("it is a pool");
        for n in 0..3 {
            assert_eq!(pool.spawn(move || n).get(), n);
            pause();
        }
    });
}

//! Calls meet a full queue.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools_model::AsyncValue;
use asynctools_model::OnFull;
use asynctools_model::TaskError;
use shuttle::thread;

use crate::check;
use crate::helpers::bounded;
use crate::helpers::is_closed_or;
use crate::helpers::shared;

#[test]
fn a_full_queue_blocks() {
    check(|| {
        let pool = bounded(OnFull::Block);
        let other = thread::spawn({
            let pool = pool.clone();
            move || pool.map(0..2, |n| n).get()
        });
        assert_eq!(pool.map(0..3, |n| n).get(), [0, 1, 2]);
        assert_eq!(other.join().expect("it ended well"), [0, 1]);
    });
}

#[test]
fn a_full_queue_blocks_a_worker_of_another_pool() {
    check(|| {
        let pool = bounded(OnFull::Block);
        let outer = shared(1);
        let (promise, value) = AsyncValue::promise();
        pool.spawn(move || value.get()).detach();
        pool.spawn(|| ()).detach();
        let there = pool.clone();
        let held_up = outer.spawn(move || there.spawn(|| 5).get());
        // The blocked submission lends its permit to this call.
        let sets = outer.spawn(move || promise.set(()));
        assert_eq!(held_up.get(), 5);
        sets.get();
    });
}

#[test]
fn a_full_queue_rejects() {
    check(|| {
        let pool = bounded(OnFull::Reject);
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let calls = pool.map(0..4, move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let outcomes = calls.outcomes();
        let lost = outcomes.iter().filter(|outcome| matches!(outcome, Err(TaskError::Rejected))).count();
        let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!((lost + kept, ran.load(Ordering::SeqCst)), (4, kept));
        assert!(kept >= 2, "one for the worker, one for the queue");
    });
}

#[test]
fn a_full_queue_has_its_callers_run() {
    check(|| {
        let pool = bounded(OnFull::RunHere);
        let inside = pool.clone();
        let calls = pool.map(0..4, move |n| inside.spawn(move || n).get());
        assert_eq!(calls.get(), [0, 1, 2, 3]);
        pool.close();
    });
}

#[test]
fn a_closed_pool_lets_blocked_submissions_go() {
    check(|| {
        let pool = bounded(OnFull::Block);
        let submitter = thread::spawn({
            let pool = pool.clone();
            move || pool.map(0..3, |n| n).outcomes()
        });
        pool.close();
        for (n, outcome) in submitter.join().expect("it ended well").iter().enumerate() {
            is_closed_or(outcome, &n);
        }
    });
}

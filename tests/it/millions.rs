//! Lists of a million calls, on the 2 MiB of stack that a thread has, waited for, raced, cancelled and dropped.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Waker;
use std::thread;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::pooled;
use futures::executor::block_on;

use crate::helpers::DropCounter;
use crate::helpers::watched;

const MILLION: usize = 1_000_000;

fn promises() -> (Vec<Promise<usize>>, AsyncList<usize>) {
    (0..MILLION).map(|_| AsyncValue::promise()).unzip()
}

#[test]
fn got() {
    watched(|| {
        let pool = Pool::new(2);
        let results = pool.map(0..MILLION, |n| n).get();
        assert!(results.len() == MILLION && results.is_sorted());
        assert_eq!(pool.stats().finished, MILLION);
    });
}

/// In a call, which runs them all itself: their needs are looked up once, and what it ran is swept out of the queue.
#[test]
fn got_in_a_call() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let inner = pool.clone();
        let results = pool.spawn(move || inner.map(0..MILLION / 4, |n| n).get()).get();
        assert!(results.len() == MILLION / 4 && results.is_sorted());
    });
}

#[test]
fn set_from_behind_and_awaited() {
    watched(|| {
        let (promises, list) = promises();
        let setter =
            thread::spawn(move || promises.into_iter().enumerate().rev().for_each(|(n, promise)| promise.set(n)));
        let results = block_on(list);
        assert!(results.len() == MILLION && results.is_sorted());
        setter.join().expect("`set` does not panic");
    });
}

#[test]
fn as_completed() {
    watched(|| {
        let pool = Pool::new(2);
        let calls = pool.map(0..MILLION, |n| n).as_completed();
        assert_eq!(calls.len(), MILLION);
        let mut seen = vec![false; MILLION];
        for (index, outcome) in calls {
            assert_eq!(outcome.ok(), Some(index));
            assert!(!std::mem::replace(&mut seen[index], true));
        }
        assert!(seen.into_iter().all(|seen| seen));
    });
}

#[test]
fn all_abandoned() {
    watched(|| {
        let (promises, list) = promises();
        let first = thread::spawn(move || list.first());
        drop(promises);
        assert_eq!(first.join().expect("`first` does not panic"), None);

        let (promises, list) = self::promises();
        drop(promises);
        assert!(list.is_finished() && list.is_error());
        assert!(list.outcomes().iter().all(|end| matches!(end, Err(TaskError::Abandoned))));
    });
}

#[test]
fn cancelled() {
    watched(|| {
        let (pool, drops) = (Pool::new(0), DropCounter::new());
        let list = pool.map((0..MILLION).map(|_| drops.token()), drop);
        assert_eq!(list.cancel(), MILLION);
        assert_eq!((drops.count(), pool.stats().cancelled, pool.stats().queued), (MILLION, MILLION, 0));
        let list = pool.map((0..MILLION).map(|_| drops.token()), drop);
        assert_eq!(pool.cancel_queued(), MILLION);
        assert!(list.is_finished());
        assert_eq!(drops.count(), 2 * MILLION);
    });
}

/// Handles that many calls and many tasks share.
#[test]
fn cancelled_users_of_one_result() {
    #[pooled]
    fn add(a: usize, b: usize) -> usize {
        a + b
    }
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let shared = value.shared();
        let users: AsyncList<_> = (0..MILLION).map(|n| add(shared.clone(), n)).collect();
        let mut tasks: Vec<_> = (0..MILLION).map(|_| shared.clone()).collect();
        let mut context = Context::from_waker(Waker::noop());
        assert!(tasks.iter_mut().all(|task| Pin::new(task).poll(&mut context).is_pending()));
        assert_eq!(users.cancel(), MILLION);
        drop(tasks);
        promise.set(5);
        assert_eq!(*shared.get(), 5);
    });
}

#[test]
fn dropped() {
    watched(|| {
        let (pool, drops) = (Pool::new(2), DropCounter::new());
        drop(pool.map((0..MILLION).map(|_| drops.token()), |token| token));
        drop(pool);
        assert_eq!(drops.count(), MILLION);
    });
}

#[test]
fn lost_at_the_start() {
    watched(|| {
        let pool = Pool::new(2);
        let list = pool.map(0..MILLION, |n| assert!(n > 0, "no luck"));
        assert!(catch_unwind(AssertUnwindSafe(|| list.get())).is_err());
    });
}

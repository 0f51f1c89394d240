//! A worker runs next, without the queue, what the end of its call has made ready.

use std::sync::Arc;

use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use asynctools_model::Promise;
use asynctools_model::TaskError;
use asynctools_model::pooled;
use shuttle::thread;

use crate::check;
use crate::helpers::Ceiling;
use crate::helpers::is_closed_or;
use crate::helpers::shared;

/// A pool whose calls keep its ceiling.
#[derive(Clone)]
struct Kept {
    pool: Arc<Pool>,
    ceiling: Arc<Ceiling>,
}

impl Kept {
    fn new(workers: usize) -> Self {
        Self { pool: shared(workers), ceiling: Ceiling::of(workers) }
    }

    #[pooled(pool = self.pool, crate = asynctools_model)]
    fn add(&self, a: u32, b: u32) -> u32 {
        self.ceiling.within(|| a + b)
    }
}

/// Returns the argument of a row of three calls, a call that needs its first, one that needs its second, and the third.
fn row(kept: &Kept) -> (Promise<u32>, [AsyncValue<u32>; 3]) {
    let (argument, value) = AsyncValue::promise();
    let first = kept.add(value, 1).shared();
    let second = kept.add(&first, 1).shared();
    let third = kept.add(&second, 1);
    (argument, [kept.add(&first, 10), kept.add(&second, 10), third])
}

#[test]
fn a_row_beside_calls_of_the_queue() {
    check(|| {
        let kept = Kept::new(1);
        let (argument, calls) = row(&kept);
        let submitter = thread::spawn({
            let kept = kept.clone();
            move || kept.add(1, 1).get()
        });
        argument.set(0);
        assert_eq!(calls.map(AsyncValue::get), [11, 12, 3]);
        assert_eq!(submitter.join().expect("it ended well"), 2);
        kept.pool.close();
    });
}

/// One end makes several calls ready: one runs next, and another worker may take the others.
#[test]
fn a_row_on_two_workers() {
    check(|| {
        let kept = Kept::new(2);
        let (argument, calls) = row(&kept);
        let setter = thread::spawn(move || argument.set(0));
        assert_eq!(calls.map(AsyncValue::get), [11, 12, 3]);
        setter.join().expect("it ended well");
        assert_eq!(kept.pool.stats().queued, 0);
    });
}

#[test]
fn a_row_while_the_pool_closes() {
    check(|| {
        let kept = Kept::new(1);
        let (argument, calls) = row(&kept);
        let setter = thread::spawn(move || argument.set(0));
        kept.pool.close();
        for (call, value) in calls.into_iter().zip([11, 12, 3]) {
            is_closed_or(&call.outcome(), &value);
        }
        setter.join().expect("it ended well");
        assert_eq!(kept.pool.stats().queued, 0);
    });
}

#[test]
fn a_pause_in_a_row() {
    check(|| {
        let kept = Kept::new(1);
        let (argument, calls) = row(&kept);
        let pauser = thread::spawn({
            let pool = kept.pool.clone();
            move || {
                pool.set_workers(0);
                pool.set_workers(1);
            }
        });
        argument.set(0);
        assert_eq!(calls.map(AsyncValue::get), [11, 12, 3]);
        pauser.join().expect("it ended well");
        assert_eq!(kept.pool.stats().queued, 0);
    });
}

#[test]
fn a_call_of_a_row_is_cancelled() {
    check(|| {
        let kept = Kept::new(1);
        let (argument, value) = AsyncValue::promise();
        let first = kept.add(value, 1);
        let second = kept.add(first, 1);
        let third = kept.add(&second, 1);
        let setter = thread::spawn(move || argument.set(0));
        let other = thread::spawn(move || second.cancel());
        let outcome = third.outcome();
        setter.join().expect("it ended well");
        let cancelled = other.join().expect("it ended well");
        match outcome {
            Ok(value) => assert!(value == 3 && !cancelled),
            Err(error) => assert!(cancelled && matches!(error.root(), TaskError::Cancelled), "{error}"),
        }
        kept.pool.close();
        assert_eq!(kept.pool.stats().queued, 0);
    });
}

/// A call of the same pool is blocked in a wait for the last of the row, and its worker wants to go on.
#[test]
fn a_call_waits_for_the_end_of_a_row() {
    check(|| {
        let kept = Kept::new(1);
        let (argument, [.., last]) = row(&kept);
        let waiter = kept.pool.spawn(move || last.get());
        let setter = thread::spawn(move || argument.set(0));
        assert_eq!(waiter.get(), 3);
        setter.join().expect("it ended well");
        kept.pool.close();
    });
}

/// The calls of one row belong to two pools, of which one is closed.
#[test]
fn a_row_through_two_pools() {
    check(|| {
        let (here, there) = (Kept::new(1), Kept::new(1));
        let (argument, value) = AsyncValue::promise();
        let first = here.add(value, 1);
        let second = there.add(first, 1);
        let third = here.add(second, 1);
        let setter = thread::spawn(move || argument.set(0));
        there.pool.close();
        is_closed_or(&third.outcome(), &3);
        setter.join().expect("it ended well");
        here.pool.close();
        assert_eq!((here.pool.stats().queued, there.pool.stats().queued), (0, 0));
    });
}

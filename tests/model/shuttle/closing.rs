//! Pools end inside of calls, beside guests, and while workers leave: no close waits for itself, and none returns early.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use asynctools_model::AsyncList;
use asynctools_model::AsyncValue;
use asynctools_model::OnFull;
use asynctools_model::Pool;
use asynctools_model::TaskError;
use shuttle::sync::Barrier;
use shuttle::sync::Mutex;
use shuttle::thread;

use crate::helpers::Counted;
use crate::helpers::On;
use crate::helpers::SECOND;
use crate::helpers::bounded;
use crate::helpers::is_closed_or;
use crate::helpers::pause;
use crate::helpers::shared;
use crate::thoroughly;

#[test]
fn two_calls_close_the_pools_of_each_other() {
    thoroughly(|| {
        let pools = [shared(1), shared(1)];
        let both = Arc::new(Barrier::new(2));
        let close = |n: usize| {
            let (there, both) = (pools[1 - n].clone(), both.clone());
            pools[n].spawn(move || {
                both.wait();
                there.close();
                n
            })
        };
        let calls = [close(0), close(1)];
        assert_eq!(calls.map(AsyncValue::get), [0, 1]);
    });
}

#[test]
fn a_ring_of_three_closes() {
    thoroughly(|| {
        let pools = [shared(1), shared(1), shared(1)];
        let close = |n: usize| {
            let there = pools[(n + 1) % 3].clone();
            pools[n].spawn(move || {
                there.close();
                n
            })
        };
        let calls: AsyncList<_> = (0..3).map(close).collect();
        for (n, outcome) in calls.outcomes().iter().enumerate() {
            is_closed_or(outcome, &n);
        }
    });
}

#[test]
fn an_awaited_call_closes_the_pool_of_its_waiter() {
    thoroughly(|| {
        let (pool, other) = (shared(1), shared(1));
        let owner = pool.clone();
        let call = pool.spawn(move || {
            let awaited = other.spawn(move || {
                owner.close();
                5
            });
            pause();
            awaited.get()
        });
        assert_eq!(call.get(), 5);
        pool.close();
    });
}

#[test]
fn the_last_owner_is_dropped_in_an_awaited_call() {
    thoroughly(|| {
        let (pool, other) = (shared(1), shared(1));
        let owner = Arc::new(Mutex::new(Some(pool.clone())));
        let call = pool.spawn(move || {
            let drops = other.spawn(move || {
                let owner = owner.lock().expect("nobody panics").take();
                pause();
                drop(owner);
                5
            });
            drops.get()
        });
        drop(pool);
        assert_eq!(call.get(), 5);
    });
}

#[test]
fn a_pool_is_dropped_in_a_call_of_another() {
    thoroughly(|| {
        let (pool, other) = (Pool::new(1), shared(1));
        let (promise, value) = AsyncValue::promise();
        let runs = pool.spawn(move || value.get());
        let queued = pool.spawn(|| 6);
        // The drop marks and returns, although the promise is set only afterwards.
        other.spawn(move || drop(pool)).get();
        promise.set(5);
        assert_eq!((runs.get(), queued.get()), (5, 6));
    });
}

#[test]
fn a_close_waits_for_a_guest() {
    thoroughly(|| {
        let pool = bounded(OnFull::RunHere);
        let inside = Arc::new(AtomicUsize::new(0));
        let caller = thread::spawn({
            let (pool, inside) = (pool.clone(), inside.clone());
            move || {
                let calls = pool.map(0..3, move |n| {
                    inside.fetch_add(1, Ordering::SeqCst);
                    pause();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    n
                });
                for (n, outcome) in calls.outcomes().iter().enumerate() {
                    is_closed_or(outcome, &n);
                }
            }
        });
        pool.close();
        assert_eq!(inside.load(Ordering::SeqCst), 0, "a call runs after the close");
        caller.join().expect("it ended well");
    });
}

#[test]
fn a_closing_pool_takes_what_a_guest_makes() {
    thoroughly(|| {
        let pool = bounded(OnFull::RunHere);
        let caller = thread::spawn({
            let pool = pool.clone();
            move || {
                let inner = pool.clone();
                let calls = pool.map(0..3, move |n| inner.spawn(move || n).get());
                for (n, outcome) in calls.outcomes().iter().enumerate() {
                    // A call that began makes another one, which is taken: it ends with a value, or never began.
                    assert!(matches!(outcome, Ok(other) if *other == n) || matches!(outcome, Err(TaskError::Closed)));
                }
            }
        });
        pool.close();
        caller.join().expect("it ended well");
    });
}

shuttle::thread_local! {
    static LAST: RefCell<Option<Counted>> = RefCell::new(None);
}

/// Workers that leave for idleness and spares are gone too when `close` returns: their thread-locals are dropped.
#[test]
fn a_close_waits_for_threads_that_leave() {
    thoroughly(|| {
        let pool = Arc::new(Pool::builder().workers(1).idle_timeout(SECOND).build().expect("it is a pool"));
        let (begun, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mark = {
            let (begun, gone) = (begun.clone(), gone.clone());
            move || {
                LAST.with(|last| {
                    last.borrow_mut().get_or_insert_with(|| {
                        begun.fetch_add(1, Ordering::SeqCst);
                        Counted(gone.clone())
                    });
                });
            }
        };
        let (promise, value) = AsyncValue::promise();
        let waits = pool.spawn({
            let mark = mark.clone();
            move || {
                mark();
                value.wait();
            }
        });
        pool.spawn(move || {
            mark();
            promise.set(());
        })
        .get();
        waits.get();
        pause();
        pool.close();
        assert_eq!(gone.load(Ordering::SeqCst), begun.load(Ordering::SeqCst), "a thread is left after the close");
    });
}

#[test]
fn closes_side_by_side() {
    thoroughly(|| {
        let pool = shared(1);
        let ended = Arc::new(AtomicBool::new(false));
        let mark = ended.clone();
        pool.spawn(move || {
            pause();
            mark.store(true, Ordering::SeqCst);
        })
        .detach();
        let other = thread::spawn({
            let (pool, ended) = (pool.clone(), ended.clone());
            move || {
                if pool.close_timeout(SECOND) {
                    assert!(ended.load(Ordering::SeqCst));
                }
            }
        });
        pool.close();
        assert!(ended.load(Ordering::SeqCst));
        other.join().expect("it ended well");
    });
}

/// The call of the closing pool starts to wait for the one that closes at any moment: before, meanwhile, or after.
#[test]
fn a_call_waits_for_the_one_that_closes_its_pool() {
    thoroughly(|| {
        let (pool, other) = (shared(1), shared(1));
        let owner = pool.clone();
        let awaited = other.spawn(move || owner.close()).shared();
        let waits = pool.spawn(move || *awaited.get());
        is_closed_or(&waits.outcome(), &());
    });
}

/// A `Drop` that waits for the call behind, while a worker takes what is cancelled.
#[test]
fn a_drop_waits_in_a_cancelled_queue() {
    struct Waits(Arc<Mutex<Option<AsyncValue<u32>>>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let handle = self.0.lock().expect("nobody panics").take();
            if let Some(handle) = handle {
                drop(handle.outcome());
            }
        }
    }
    thoroughly(|| {
        let pool = shared(0);
        let later = Arc::new(Mutex::new(None));
        let waits = Waits(later.clone());
        let first = pool.spawn(move || drop(waits));
        *later.lock().expect("nobody panics") = Some(pool.spawn(|| 5));
        let resumes = thread::spawn({
            let pool = pool.clone();
            move || pool.set_workers(1)
        });
        let cancelled = pool.cancel_queued();
        assert!(cancelled <= 2);
        resumes.join().expect("it ended well");
        drop(first.outcome());
        pool.close();
        assert_eq!(pool.stats().finished + pool.stats().cancelled, 2);
    });
}

/// A worker leaves the closed pool between the new number of workers and the look for a worker.
#[test]
fn a_pause_ends_while_the_pool_closes() {
    thoroughly(|| {
        let pool = shared(1);
        pool.spawn(pause).get();
        pool.set_workers(0);
        let waits = pool.spawn(|| 5);
        let resumes = thread::spawn({
            let pool = pool.clone();
            move || pool.set_workers(1)
        });
        let _gone = pool.close_timeout(Duration::ZERO);
        is_closed_or(&waits.outcome(), &5);
        resumes.join().expect("it ended well");
    });
}

/// A call that a loss has stopped is no call to cancel: it goes back to the queue, and a worker ends it.
#[test]
fn a_stopped_call_comes_to_a_queue_that_is_cancelled() {
    thoroughly(|| {
        let (on, other) = (On::new(1), shared(1));
        let (promise, value) = AsyncValue::<u32>::promise();
        let lost = on.add(value, 1);
        // Its end comes in the wait of another call, so the call that it stops goes to the queue of its pool.
        let inside = other.clone();
        let outer = other.spawn(move || inside.spawn(move || drop(promise)).get());
        on.0.cancel_queued();
        let end = lost.outcome().expect_err("its argument has no value");
        assert!(matches!(end.root(), TaskError::Abandoned | TaskError::Cancelled), "{end}");
        outer.get();
    });
}

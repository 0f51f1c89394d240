//! A system that refuses threads: every handle ends, and what can run does.

use std::sync::Arc;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;
#[cfg(target_os = "linux")]
use tests::watch::leave_room;

use crate::helpers::DropCounter;
use crate::helpers::watched;
#[cfg(target_os = "linux")]
use crate::process::alone;

/// A pool whose threads need more stack than any system has.
fn hopeless() -> Pool {
    Pool::builder().workers(2).stack_size(1 << 46).build().expect("nothing to refuse")
}

fn is_refused<T>(end: &Result<T, TaskError>) -> bool {
    matches!(end, Err(error) if matches!(error.root(), TaskError::Spawn(_)))
}

#[test]
fn a_call_says_so() {
    watched(|| {
        let (pool, drops) = (hopeless(), DropCounter::new());
        let token = drops.token();
        let call = pool.spawn(move || drop(token));
        assert!(call.is_finished() && call.is_error());
        assert_eq!(drops.count(), 1);
        let error = call.outcome().expect_err("there is no thread");
        assert!(matches!(error, TaskError::Spawn(_)));
        let text = error.to_string();
        assert!(text.contains("spawn (") && text.contains("refused.rs:") && text.contains("no thread: "), "{text}");
        assert!(pool.map(0..10, |n| n).outcomes().iter().all(is_refused));
        assert_eq!((pool.stats().queued, pool.stats().finished, pool.stats().idle), (0, 0, 0));
    });
}

#[test]
fn what_follows_says_so_too() {
    #[derive(Clone)]
    struct Owner(Arc<Pool>);
    impl Owner {
        #[pooled(pool = self.0)]
        fn add(&self, a: u32, b: u32) -> u32 {
            a + b
        }
    }
    watched(|| {
        let owner = Owner(Arc::new(hopeless()));
        let (promise, value) = AsyncValue::promise();
        let late = owner.add(value, 1);
        let later = owner.add(&late, 1);
        promise.set(1);
        assert!(is_refused(&late.outcome()));
        assert!(is_refused(&later.outcome()));
        assert!(is_refused(&owner.0.spawn(|| 1).map(|n| n + 1).outcome()));
        assert!(is_refused(&owner.0.spawn(|| 1).chain(|| 1).outcome()));
    });
}

#[test]
fn close_has_nobody_to_wait_for() {
    watched(|| {
        let pool = hopeless();
        pool.spawn(|| ()).detach();
        pool.close();
        pool.close();
    });
}

#[test]
fn a_waiting_call_hears_of_it() {
    watched(|| {
        let (pool, inner) = (Pool::new(1), hopeless());
        let ends = pool.spawn(move || inner.map(0..3, |n| n).outcomes());
        assert!(ends.get().iter().all(is_refused));
        assert_eq!(pool.spawn(|| 5).get(), 5);
    });
}

#[test]
fn a_paused_pool_hears_of_it_when_it_resumes() {
    watched(|| {
        let built = Pool::builder().workers(0).stack_size(1 << 46).build();
        let pool = built.expect("nothing to refuse");
        let calls = pool.map(0..5, |n| n);
        assert!(!calls.iter().any(AsyncValue::is_finished));
        pool.set_workers(2);
        assert!(calls.outcomes().iter().all(is_refused));
    });
}

#[test]
fn a_full_queue_is_not_full_of_refused_calls() {
    watched(|| {
        for on_full in [OnFull::Block, OnFull::Reject] {
            let built = Pool::builder().workers(1).queue(1).on_full(on_full).stack_size(1 << 46).build();
            let pool = built.expect("nothing to refuse");
            let calls: AsyncList<_> = (0..10).map(|n| pool.spawn(move || n)).collect();
            assert!(calls.outcomes().iter().all(is_refused), "{on_full:?}");
        }
    });
}

/// In a process that has room for one thread of a pool, and for no second one.
#[cfg(target_os = "linux")]
mod one_thread {
    use std::sync::Arc;
    use std::time::Duration;

    use asynctools::AsyncList;
    use asynctools::AsyncValue;
    use asynctools::Pool;
    use asynctools::TaskError;
    use tests::watch::leave_room;

    use crate::helpers::fib;
    use crate::helpers::until;
    use crate::process::alone;

    const STACK: usize = 64 << 20;

    fn pool(workers: usize) -> Arc<Pool> {
        let built = Pool::builder().workers(workers).stack_size(STACK).build();
        Arc::new(built.expect("nothing to refuse"))
    }

    fn scarce(test: impl FnOnce() + Send + 'static) {
        if leave_room(2 * STACK + STACK / 2) {
            test();
        } else {
            println!("skipped: there is no `prlimit`");
        }
    }

    #[test]
    fn is_enough_for_calls_that_wait() {
        alone(|| {
            scarce(|| {
                for workers in [1, 3] {
                    let pool = pool(workers);
                    let inner = pool.clone();
                    assert_eq!(pool.spawn(move || fib(&inner, 15)).get(), 610);
                    assert_eq!(pool.map(0..100, |n| n).get().len(), 100);
                }
            });
        });
    }

    /// A wait with a deadline runs nothing itself, and there is no spare: it lasts as long as it may.
    #[test]
    fn a_timed_wait_goes_on_to_its_end() {
        alone(|| {
            scarce(|| {
                let pool = pool(1);
                let inner = pool.clone();
                let call = pool.spawn(move || {
                    let other = inner.spawn(|| 5);
                    let other = other.get_timeout(Duration::from_millis(20)).expect_err("nobody can run it");
                    other.get()
                });
                assert_eq!(call.get(), 5);
            });
        });
    }

    /// Beyond the stack of one call a waiter runs nothing, and there is no spare: it hears that, and the call goes on.
    #[test]
    fn a_wait_at_the_stack_limit_would_deadlock() {
        #[inline(never)]
        #[expect(clippy::large_stack_arrays, reason = "a stack is what this fills")]
        fn deep(base: usize, then: &mut dyn FnMut()) {
            let frame = std::hint::black_box([0_u8; 256 * 1024]);
            if base.abs_diff((&raw const frame).addr()) < STACK / 8 * 9 {
                deep(base, then);
            } else {
                then();
            }
            std::hint::black_box(frame);
        }
        alone(|| {
            scarce(|| {
                let pool = pool(1);
                let inner = pool.clone();
                let call = pool.spawn(move || {
                    let (mut ends, mut left) = (Vec::new(), None);
                    deep((&raw const inner).addr(), &mut || {
                        let other = inner.spawn(|| 5).shared();
                        let list = || inner.map(0..1, |n| n);
                        ends.push(other.outcome().copied());
                        // A limit that no clock reaches is none.
                        ends.extend(other.outcome_timeout(Duration::MAX).map(Result::<&i32, _>::copied));
                        ends.extend(inner.spawn(|| 5).outcome_timeout(Duration::MAX));
                        ends.extend(list().outcomes());
                        ends.extend(list().outcomes_timeout(Duration::MAX).expect("it would never time out"));
                        left = Some(other);
                    });
                    (ends, left.expect("it was set"))
                });
                let (ends, left) = call.get();
                assert_eq!(ends.len(), 5);
                assert!(ends.iter().all(|end| matches!(end, Err(TaskError::WouldDeadlock(_)))), "{ends:?}");
                assert_eq!(*left.get(), 5, "the awaited call goes on");
            });
        });
    }

    /// A call that waits for something else than a call keeps waiting; those that nobody can take meanwhile end.
    #[test]
    fn a_wait_for_a_promise_goes_on() {
        alone(|| {
            scarce(|| {
                let pool = pool(1);
                let (promise, value) = AsyncValue::promise();
                let waiter = pool.spawn(move || value.get());
                until("it waits", || pool.stats().blocked == 1);
                let meanwhile = pool.spawn(|| 6);
                assert!(matches!(meanwhile.outcome(), Err(TaskError::Spawn(_))));
                assert!(!waiter.is_finished());
                promise.set(5);
                assert_eq!(waiter.get(), 5);
                assert_eq!(pool.spawn(|| 7).get(), 7);
            });
        });
    }

    /// What would set the promise stands in the queue: it ends, and with it the wait.
    #[test]
    fn a_wait_for_what_a_queued_call_sets_ends() {
        alone(|| {
            scarce(|| {
                let pool = pool(1);
                let inner = pool.clone();
                let call = pool.spawn(move || {
                    let (promise, value) = AsyncValue::promise();
                    let setter = inner.spawn(move || promise.set(5));
                    (value.outcome(), setter.outcome())
                });
                let (value, setter) = call.get();
                assert!(matches!(value, Err(TaskError::Abandoned | TaskError::WouldDeadlock(_))), "{value:?}");
                assert!(matches!(setter, Err(TaskError::Spawn(_)) | Ok(())), "{setter:?}");
            });
        });
    }

    #[test]
    fn every_call_of_many_pools_ends() {
        fn ring(pools: Arc<[Arc<Pool>; 2]>, n: usize) -> AsyncValue<usize> {
            let pool = pools[n % 2].clone();
            pool.spawn(move || if n == 0 { 0 } else { ring(pools, n - 1).outcome().map_or(0, |n| n + 1) })
        }
        alone(|| {
            scarce(|| {
                let pools = Arc::new([pool(1), pool(2)]);
                let calls: AsyncList<_> = (0..10).map(|n| ring(pools.clone(), n)).collect();
                let ends = calls.outcomes();
                assert!(ends.iter().all(|end| matches!(end, Ok(_) | Err(TaskError::Spawn(_)))), "{ends:?}");
                // Each call gets a thread, or says that there is none.
                let calls: AsyncList<_> = (0..500).map(|n| asynctools::parallel(move || n)).collect();
                let ends = calls.outcomes();
                assert!(ends.iter().all(|end| matches!(end, Ok(_) | Err(TaskError::Spawn(_)))));
                assert!(ends.iter().any(Result::is_ok));
            });
        });
    }
}

/// Threads are refused while calls wait: the pool's own threads come back, and no call is lost.
#[cfg(target_os = "linux")]
#[test]
fn refused_threads_lose_no_call() {
    const STACK: usize = 64 << 20;
    alone(|| {
        // For about twenty threads with twice that stack, and the arenas of the allocator.
        if !leave_room(56 * STACK) {
            println!("skipped: there is no `prlimit`");
            return;
        }
        let pool = || Arc::new(Pool::builder().workers(5).stack_size(STACK).build().expect("a pool"));
        let (outer, inner) = (pool(), pool());
        let calls = outer.map(0..500, move |n| inner.spawn(move || (std::thread::yield_now(), n).1).get());
        let ends = calls.outcomes();
        let lost = ends.iter().filter(|end| end.is_err()).count();
        assert_eq!(lost, 0, "of 500 calls");
    });
}

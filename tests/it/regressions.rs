//! Promises that were broken once. Each test is named for the promise, and says what went wrong.

use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Gate;
use crate::helpers::Gauge;
use crate::helpers::until;
use crate::helpers::watched;

/// A pool of one worker with room for one waiting call.
fn narrow(on_full: OnFull) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(1).queue(1).on_full(on_full).build().expect("nothing to refuse"))
}

/// Fills such a pool: one call at the gate, and one behind it.
fn fill(pool: &Pool, gate: &Gate) -> AsyncList<()> {
    let at_gate = gate.clone();
    let calls = pool.map(0..2, move |_| at_gate.pass());
    gate.wait_for(1);
    assert_eq!(pool.stats().queued, 1);
    calls
}

/// Runs `last` two waits deep in calls of `pool`, all of them on one thread.
fn deep_inside<R: Send + 'static>(pool: &Arc<Pool>, last: impl FnOnce() -> R + Send + 'static) -> AsyncValue<R> {
    let (outer, inner) = (pool.clone(), pool.clone());
    pool.spawn(move || outer.spawn(move || inner.spawn(last).get()).get())
}

// Limits.

/// Each of the nested calls took up room, and none of them could end before the submission that waited for it.
#[test]
fn nested_waits_fill_no_queue() {
    watched(|| {
        let (pool, other) = (narrow(OnFull::Block), Pool::new(1));
        let back = pool.clone();
        let call = deep_inside(&pool, move || other.spawn(move || back.spawn(|| 5).get()).get());
        assert_eq!(call.get(), 5);
    });
}

/// A pool with an empty queue refused a call, since three calls were at work on its one thread.
#[test]
fn nested_waits_have_no_call_refused() {
    watched(|| {
        let (pool, gate) = (narrow(OnFull::Reject), Gate::new());
        let at_gate = gate.clone();
        let deep = deep_inside(&pool, move || at_gate.pass());
        gate.wait_for(1);
        assert_eq!(pool.stats().queued, 0);
        let (taken, refused) = (pool.spawn(|| 5), pool.spawn(|| 6));
        assert!(!taken.is_finished());
        assert!(matches!(refused.outcome(), Err(TaskError::Rejected)));
        assert_eq!(pool.stats().queued, 1);
        gate.open();
        deep.get();
        assert_eq!((taken.get(), pool.stats().finished), (5, 4));
    });
}

/// What follows an ended call was a submission like any other: held up, refused, or run where it was written.
#[test]
fn what_follows_an_ended_call_only_queues() {
    watched(|| {
        for on_full in [OnFull::Block, OnFull::RunHere, OnFull::Reject] {
            let (pool, gate) = (narrow(on_full), Gate::new());
            let ended = [1, 2, 3].map(|n| {
                let call = pool.spawn(move || n);
                call.wait();
                call
            });
            let calls = fill(&pool, &gate);
            let id = || thread::current().id();
            let [one, two, three] = ended;
            let following = [one.chain(id), two.map(move |_| id()), AsyncList::from(vec![three]).chain(id)];
            assert!(!following.iter().any(AsyncValue::is_finished), "{on_full:?}");
            gate.open();
            assert!(!AsyncList::from_iter(following).get().contains(&id()), "{on_full:?}");
            calls.wait();
        }
    });
}

/// A waiter that saw the end of a call without being woken, and then met a full queue, was given a permit for the wake-up.
#[test]
fn a_late_wake_up_gives_no_place_to_a_submission() {
    const CROWD: usize = 64;
    watched(|| {
        for _ in 0..20 {
            let (pool, full, gate) = (Pool::new(1), narrow(OnFull::Block), Gate::new());
            let calls = fill(&full, &gate);
            let (promise, value) = AsyncValue::promise();
            let (value, here) = (value.shared(), Barrier::new(CROWD + 1));
            thread::scope(|scope| {
                // Who came first is woken first, so that the worker is late.
                for _ in 0..CROWD {
                    scope.spawn(|| (here.wait(), value.wait()));
                }
                here.wait();
                let seen = value.clone();
                let submission = pool.spawn(move || {
                    while !seen.wait_timeout(Duration::from_micros(50)) {}
                    full.spawn(|| 5)
                });
                until("the worker waits", || pool.stats().blocked == 1);
                promise.set(1);
                pool.spawn(move || gate.open()).get();
                assert_eq!(submission.get().get(), 5);
            });
            calls.wait();
        }
    });
}

// The ceiling.

/// A spare went on with the rest of a list after the waiter had come back for its permit.
#[test]
fn the_first_result_ends_the_work_of_a_spare() {
    watched(|| {
        for _ in 0..20 {
            let (pool, gauge) = (Arc::new(Pool::new(1)), Gauge::new());
            let (inner, seen) = (pool.clone(), gauge.clone());
            let call = pool.spawn(move || {
                let (started, back) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
                let (inside, is_back, started) = (seen.enter(), back.clone(), Arc::new(started));
                let list = inner.map(0..4, move |n| {
                    let _inside = seen.enter();
                    while started.swap(true, Ordering::SeqCst) && !is_back.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    n
                });
                let (first, _inside) = Gauge::away(inside, || list.first_timeout(Duration::from_secs(3_600)));
                back.store(true, Ordering::SeqCst);
                first.is_ok_and(|first| first.is_some())
            });
            assert!(call.get());
            assert_eq!(gauge.most(), 1);
        }
    });
}

/// Calls that became ready while a waiter gave up its permit were run by the waiter and by a spare, at once.
#[test]
fn calls_that_get_ready_during_a_wait_keep_the_ceiling() {
    static POOL: Pool = Pool::new(1);
    #[pooled(pool = POOL)]
    fn next(gauge: Gauge, _n: u8) {
        let _inside = gauge.enter();
        thread::yield_now();
    }
    watched(|| {
        let gauge = Gauge::new();
        for round in 0..500 {
            let (promise, value) = AsyncValue::promise();
            let (value, made, seen) = (value.shared(), Gate::new(), gauge.clone());
            let waiter = POOL.spawn({
                let made = made.clone();
                move || {
                    let list: AsyncList<()> = (0..4).map(|_| next(seen.clone(), value.clone())).collect();
                    made.open();
                    list.wait();
                }
            });
            made.pass();
            // So that it comes at another moment of the wait in every round.
            (0..round % 100 * 10).for_each(|_| std::hint::spin_loop());
            promise.set(1);
            waiter.get();
        }
        assert_eq!(gauge.most(), 1);
    });
}

// User code that blocks while the end of a call is passed on.

/// Does what it is told when it is converted or dropped, and lets others do without.
#[derive(Clone)]
struct Trigger(Arc<dyn Fn() + Send + Sync>);

struct Pulled;

impl From<Trigger> for Pulled {
    fn from(trigger: Trigger) -> Self {
        trigger.0();
        Self
    }
}

struct Ignored;

impl From<Trigger> for Ignored {
    fn from(_trigger: Trigger) -> Self {
        Self
    }
}

struct PullsAtDrop(Trigger);

impl Drop for PullsAtDrop {
    fn drop(&mut self) {
        self.0.0();
    }
}

/// What was still to be told of the same end was told only after that, and so never.
#[test]
fn user_code_may_block_while_an_end_is_passed_on() {
    #[pooled]
    fn converts(n: u32) -> Result<u32, Pulled> {
        Ok(n)
    }
    #[pooled]
    fn drops(n: u32, _last: PullsAtDrop) -> Result<u32, Ignored> {
        Ok(n)
    }
    #[pooled]
    fn waits(n: u32) -> Result<u32, Ignored> {
        Ok(n)
    }
    watched(|| {
        for (closes, by_drop) in [(true, true), (true, false), (false, true), (false, false)] {
            let (pool, gate) = (narrow(OnFull::Block), Gate::new());
            let (acting, awaited) = (pool.clone(), gate.clone());
            let trigger = Trigger(Arc::new(move || {
                // Both end only when the waiting call of that pool does.
                awaited.wait_for(1);
                if closes { acting.close() } else { acting.spawn(|| ()).detach() }
            }));
            let (promise, value) = AsyncValue::<Result<u32, Trigger>>::promise();
            let value = value.shared();
            let last = PullsAtDrop(if by_drop { trigger.clone() } else { Trigger(Arc::new(|| ())) });
            let first = if by_drop {
                drops(value.clone(), last).map(|end| end.is_ok())
            } else {
                converts(value.clone()).map(|end| end.is_ok())
            };
            let second = waits(value);
            let opens = gate.clone();
            let waiter = pool.spawn(move || {
                let failed = second.get().is_err();
                opens.open();
                failed
            });
            until("the call waits", || pool.stats().blocked == 1);
            let calls = fill(&pool, &gate);
            promise.set(Err(trigger));
            assert!(waiter.get() && !first.get());
            calls.wait();
        }
    });
}

/// The dependants of `&handle` heard of its end only when the `Drop` of the result that nobody wanted had returned.
#[test]
fn readers_are_told_before_what_nobody_wants_is_dropped() {
    struct Original(Option<Gate>);
    impl Clone for Original {
        fn clone(&self) -> Self {
            Self(None)
        }
    }
    impl Drop for Original {
        fn drop(&mut self) {
            self.0.iter().for_each(Gate::pass);
        }
    }
    static POOL: Pool = Pool::new(2);
    #[pooled(pool = POOL)]
    fn read(copy: Original, read: Gate) -> bool {
        read.open();
        copy.0.is_none()
    }
    watched(|| {
        let (start, done) = (Gate::new(), Gate::new());
        let (at_start, held) = (start.clone(), done.clone());
        let original = POOL.spawn(move || {
            at_start.pass();
            Original(Some(held))
        });
        let reader = read(&original, done);
        drop(original);
        start.open();
        assert!(reader.get());
    });
}

/// `close` did not see that its own thread was one that it waited for, inside a call of another pool that ran there.
#[test]
fn a_guest_may_close_the_pool_of_its_thread() {
    watched(|| {
        let (pool, full, gate) = (Arc::new(Pool::new(1)), narrow(OnFull::RunHere), Gate::new());
        let calls = fill(&full, &gate);
        let (closing, host) = (pool.clone(), full.clone());
        pool.spawn(move || host.spawn(move || closing.close()).get()).get();
        assert!(pool.is_closed() && pool.close_timeout(Duration::MAX));
        gate.open();
        calls.wait();
    });
}

// Attributes and errors.

/// The call that the expression made evaluated it again, until the stack was full.
#[test]
fn an_expression_that_calls_its_own_function_panics() {
    #[pooled(workers = count().get())]
    fn count() -> usize {
        1
    }
    watched(|| {
        for _ in 0..2 {
            let payload = catch_unwind(|| count().get()).expect_err("there is no pool to count on");
            let text = payload.downcast_ref::<String>().expect("it says why");
            assert!(text.contains("`count`") && text.contains("calls the function itself"), "{text}");
        }
    });
}

/// An error could not be carried out of a `catch_unwind` without an assertion.
#[test]
fn errors_are_unwind_safe() {
    fn check<T: UnwindSafe + RefUnwindSafe>() {}
    check::<TaskError>();
    check::<CallError<String>>();
}

//! Pools under `shuttle`: each test runs thousands of times, every time with another order of what its threads do. A hang is
//! found as a deadlock, and time passes at random. A failure prints its schedule: put it into a file and name that in
//! `MODEL_REPLAY` to run the same order again. `MODEL_SCHEDULES` is how often each test runs with each scheduler.

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
use asynctools_model::pooled;
use shuttle::Config;
use shuttle::Runner;
use shuttle::scheduler::PctScheduler;
use shuttle::scheduler::RandomScheduler;
use shuttle::sync::Barrier;
use shuttle::thread;

const SECOND: Duration = Duration::from_secs(1);

fn schedules() -> usize {
    std::env::var("MODEL_SCHEDULES").map_or(10_000, |number| number.parse().expect("a number"))
}

/// How many preemptions PCT tries to place.
const DEPTH: usize = 3;

fn check(test: fn()) {
    if let Ok(path) = std::env::var("MODEL_REPLAY") {
        return shuttle::replay_from_file(test, path);
    }
    let mut config = Config::new();
    // Our threads have no other stack than this one; what a pool is told of is only what it reckons with.
    config.stack_size = 256 * 1024;
    config.silence_warnings = true;
    let times = schedules();
    assert_eq!(Runner::new(RandomScheduler::new(times), config.clone()).run(test), times);
    assert_eq!(Runner::new(PctScheduler::new(DEPTH, times), config).run(test), times);
}

#[test]
fn the_schedules_are_many() {
    let tests = include_str!("shuttle.rs").matches("\n    check(|| {\n").count();
    assert!(tests * 2 * schedules() >= 100_000, "{tests} tests run {} times with each scheduler", schedules());
}

/// A moment at which another thread may go on.
fn pause() {
    shuttle::sync::atomic::AtomicUsize::new(0).load(Ordering::SeqCst);
}

/// Sees that never more than so many are inside.
struct Ceiling {
    most: usize,
    now: AtomicUsize,
}

impl Ceiling {
    fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, now: AtomicUsize::new(0) })
    }

    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(now <= self.most, "{now} at once");
        pause();
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.enter();
        let result = f();
        self.leave();
        result
    }
}

/// Counts how often it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A pool that calls can be made on by dataflow.
#[derive(Clone)]
struct On(Arc<Pool>);

impl On {
    fn new(workers: usize) -> Self {
        Self(Arc::new(Pool::new(workers)))
    }

    #[pooled(pool = self.0, crate = asynctools_model)]
    fn add(&self, a: u32, b: u32) -> u32 {
        pause();
        a + b
    }
}

/// Takes every wait for one with too little stack to run a call inside it: a spare thread has to.
fn with_spares(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(workers).stack_size(1024).build().expect("it is a pool"))
}

fn shared(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::new(workers))
}

// Calls come in.

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

// Waits inside calls.

#[test]
fn nested_waits_with_one_worker() {
    check(|| {
        let pool = shared(1);
        let ceiling = Ceiling::of(1);
        let (inner_pool, inner_ceiling) = (pool.clone(), ceiling.clone());
        let outer = pool.spawn(move || {
            let inner = inner_pool.spawn({
                let pool = inner_pool.clone();
                move || inner_ceiling.within(|| 1) + pool.spawn(|| 2).get()
            });
            pause();
            inner.get() + 4
        });
        let beside = pool.spawn(move || ceiling.within(|| 8));
        assert_eq!(outer.get() + beside.get(), 15);
    });
}

#[test]
fn a_nested_wait_with_a_time_out() {
    check(|| {
        let pool = shared(1);
        let inside = pool.clone();
        let outer = pool.spawn(move || {
            let inner = inside.spawn(|| {
                pause();
                2
            });
            inner.get_timeout(SECOND).unwrap_or_else(AsyncValue::get)
        });
        assert_eq!(outer.get(), 2);
    });
}

#[test]
fn a_spare_runs_what_is_awaited() {
    check(|| {
        let pool = with_spares(1);
        let ceiling = Ceiling::of(1);
        let inside = (pool.clone(), ceiling.clone());
        let outer = pool.spawn(move || {
            let (pool, ceiling) = inside;
            ceiling.enter();
            let inner = pool.spawn({
                let (pool, ceiling) = (pool.clone(), ceiling.clone());
                move || {
                    ceiling.enter();
                    let innermost = pool.spawn({
                        let ceiling = ceiling.clone();
                        move || ceiling.within(|| 1)
                    });
                    ceiling.leave();
                    let n = innermost.get();
                    ceiling.within(|| n + 1)
                }
            });
            ceiling.leave();
            let n = inner.get();
            ceiling.within(|| n + 1)
        });
        let beside = pool.spawn(move || ceiling.within(|| 3));
        assert_eq!(outer.get() + beside.get(), 6);
    });
}

#[test]
fn a_waiter_makes_room_for_another_call() {
    check(|| {
        let pool = shared(1);
        let (promise, value) = AsyncValue::promise();
        let waits = pool.spawn(move || value.get());
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(waits.get(), 5);
        sets.get();
    });
}

#[test]
fn two_waiters_make_room_for_a_third() {
    check(|| {
        let pool = shared(2);
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let wait = || {
            let value = value.clone();
            pool.spawn(move || *value.get())
        };
        let waits = [wait(), wait()];
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(waits.map(AsyncValue::get), [5, 5]);
        sets.get();
    });
}

#[test]
fn a_waiter_and_a_worker_want_the_same_call() {
    check(|| {
        let pool = shared(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let (inside, count) = (pool.clone(), ran.clone());
        let outer = pool.spawn(move || {
            let inner = inside.spawn(move || {
                count.fetch_add(1, Ordering::SeqCst);
                1
            });
            inner.get() + 1
        });
        assert_eq!(outer.get(), 2);
        pool.close();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_lock_is_held_across_a_wait() {
    check(|| {
        let pool = shared(1);
        let lock = Arc::new(shuttle::sync::Mutex::new(0));
        let (inside, held) = (pool.clone(), lock.clone());
        let (promise, value) = AsyncValue::promise();
        let outer = pool.spawn(move || {
            let mut sum = held.lock().expect("nobody panics");
            *sum += inside.spawn(|| 1).get() + value.get();
        });
        // Whoever waits may not run this, since it wants the lock.
        let unrelated = pool.spawn(move || *lock.lock().expect("nobody panics") += 4);
        let setter = thread::spawn(move || promise.set(2));
        outer.get();
        unrelated.get();
        setter.join().expect("it ended well");
        pool.close();
    });
}

#[test]
fn two_pools_wait_for_each_other() {
    check(|| {
        let (left, right) = (shared(1), shared(1));
        let pools = (left.clone(), right.clone());
        let call = left.spawn(move || {
            let (left, right) = pools;
            let there = right.spawn({
                let left = left.clone();
                move || left.spawn(|| 1).get() + 1
            });
            there.get() + 1
        });
        let beside = right.spawn(|| 4);
        assert_eq!(call.get() + beside.get(), 7);
        left.close();
        right.close();
    });
}

#[test]
fn an_awaited_call_becomes_ready_during_the_wait() {
    check(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let inside = on.clone();
        let outer = on.0.spawn(move || {
            let first = inside.add(value, 1);
            let second = inside.add(first, 2);
            second.get()
        });
        let setter = thread::spawn(move || promise.set(4));
        assert_eq!(outer.get(), 7);
        setter.join().expect("it ended well");
        on.0.close();
    });
}

#[test]
fn a_spare_attends_to_what_becomes_ready() {
    check(|| {
        let pool = with_spares(1);
        let on = On(pool.clone());
        let (promise, value) = AsyncValue::promise();
        let outer = pool.spawn(move || {
            let early = on.add(1, 1);
            let late = on.add(early, value);
            on.add(late, 1).get()
        });
        let setter = thread::spawn(move || promise.set(4));
        assert_eq!(outer.get(), 7);
        setter.join().expect("it ended well");
        pool.close();
    });
}

// Resizing.

#[test]
fn a_pause_and_its_end() {
    check(|| {
        let pool = shared(1);
        let before = pool.spawn(|| 1);
        pool.set_workers(0);
        let resumed = Arc::new(AtomicBool::new(false));
        let seen = resumed.clone();
        let after = pool.spawn(move || seen.load(Ordering::SeqCst));
        let opener = thread::spawn({
            let pool = pool.clone();
            move || {
                resumed.store(true, Ordering::SeqCst);
                pool.set_workers(1);
            }
        });
        assert!(after.get(), "it started in the pause");
        assert_eq!(before.get(), 1);
        opener.join().expect("it ended well");
    });
}

#[test]
fn a_pause_while_a_call_waits() {
    check(|| {
        let pool = with_spares(1);
        let inside = pool.clone();
        let outer = pool.spawn(move || {
            let inner = inside.spawn(|| 1);
            pause();
            inner.get() + 1
        });
        let resizer = thread::spawn({
            let pool = pool.clone();
            move || {
                pool.set_workers(0);
                pool.set_workers(1);
            }
        });
        assert_eq!(outer.get(), 2);
        resizer.join().expect("it ended well");
        pool.close();
    });
}

#[test]
fn shrinking_and_growing_while_calls_run() {
    check(|| {
        let pool = shared(2);
        let ceiling = Ceiling::of(2);
        let calls = pool.map(0..3, move |n| ceiling.within(|| n));
        pool.set_workers(1);
        // Those of before may still run beside the first of these.
        let lower = Ceiling::of(1);
        assert_eq!(calls.get(), [0, 1, 2]);
        let calls = pool.map(0..2, move |n| lower.within(|| n));
        assert_eq!(calls.get(), [0, 1]);
        pool.set_workers(2);
        let barrier = Arc::new(Barrier::new(2));
        pool.map([barrier.clone(), barrier], |barrier| barrier.wait().is_leader()).get();
    });
}

#[test]
fn who_has_no_place_any_more_takes_no_call() {
    check(|| {
        let pool = shared(2);
        let barrier = Arc::new(Barrier::new(3));
        let before = pool.map([barrier.clone(), barrier.clone()], |barrier| {
            barrier.wait();
            barrier.wait();
        });
        // Both run.
        barrier.wait();
        pool.set_workers(1);
        let ceiling = Ceiling::of(1);
        let after = pool.map(0..3, move |n| ceiling.within(|| n));
        barrier.wait();
        assert_eq!(after.get(), [0, 1, 2]);
        before.get();
    });
}

// The end of a pool.

fn is_closed_or<T: PartialEq>(outcome: &Result<T, TaskError>, value: &T) -> bool {
    match outcome {
        Ok(other) => other == value,
        Err(error) => {
            assert!(matches!(error.root(), TaskError::Closed), "{error}");
            false
        }
    }
}

#[test]
fn close_during_submit() {
    check(|| {
        let pool = shared(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let submitter = thread::spawn({
            let (pool, ran) = (pool.clone(), ran.clone());
            move || {
                let calls = pool.map(0..2, move |n| {
                    ran.fetch_add(1, Ordering::SeqCst);
                    n
                });
                let outcomes = calls.outcomes();
                outcomes.iter().enumerate().filter(|(n, outcome)| is_closed_or(outcome, n)).count()
            }
        });
        pool.close();
        let values = submitter.join().expect("it ended well");
        assert_eq!(ran.load(Ordering::SeqCst), values);
    });
}

#[test]
fn a_call_of_a_closing_pool_makes_another() {
    check(|| {
        let pool = shared(1);
        let inside = pool.clone();
        let outer = pool.spawn(move || {
            pause();
            inside.spawn(|| 1).get() + 1
        });
        pool.close();
        assert_eq!(outer.try_get().expect("it was there before the close"), 2);
    });
}

#[test]
fn the_drop_of_a_pool_ends_what_is_queued() {
    check(|| {
        let pool = Pool::new(1);
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Counted(dropped.clone());
        let unwanted = pool.spawn(move || counted);
        unwanted.detach();
        let wanted = pool.spawn(|| 5);
        drop(pool);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert_eq!(wanted.try_get().expect("it was queued"), 5);
    });
}

#[test]
fn a_close_with_a_time_out() {
    check(|| {
        let pool = Pool::new(1);
        let (promise, value) = AsyncValue::promise();
        let call = pool.spawn(move || value.get());
        let setter = thread::spawn(move || promise.set(5));
        if pool.close_timeout(SECOND) {
            assert!(call.is_finished());
        }
        assert_eq!(call.get(), 5);
        setter.join().expect("it ended well");
    });
}

#[test]
fn dataflow_becomes_ready_while_the_pool_closes() {
    check(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let call = on.add(value, 1);
        let setter = thread::spawn(move || promise.set(4));
        on.0.close();
        is_closed_or(&call.outcome(), &5);
        setter.join().expect("it ended well");
    });
}

#[test]
fn a_paused_pool_is_closed() {
    check(|| {
        let pool = shared(1);
        pool.set_workers(0);
        let call = pool.spawn(|| 1);
        let submitter = thread::spawn({
            let pool = pool.clone();
            move || pool.spawn(|| 1)
        });
        pool.close();
        assert!(!is_closed_or(&call.outcome(), &1), "it ran in the pause");
        let late = submitter.join().expect("it ended well");
        is_closed_or(&late.outcome(), &1);
    });
}

// A full queue.

fn bounded(on_full: OnFull) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(1).queue(1).on_full(on_full).build().expect("it is a pool"))
}

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
        // The place of the one that is held up is free for this.
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

// Calls that are not run.

#[test]
fn a_cancel_races_with_the_run() {
    check(|| {
        let pool = Pool::new(1);
        let ran = Arc::new(AtomicBool::new(false));
        let dropped = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (ran.clone(), Counted(dropped.clone()));
        let call = pool.spawn(move || {
            seen.store(true, Ordering::SeqCst);
            counted
        });
        let cancelled = call.cancel();
        pool.close();
        assert_ne!(cancelled, ran.load(Ordering::SeqCst));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert_eq!(pool.stats().cancelled, usize::from(cancelled));
        assert_eq!(pool.stats().queued, 0);
    });
}

#[test]
fn a_cancel_makes_room_in_a_full_queue() {
    check(|| {
        let pool = Arc::new(Pool::builder().workers(0).queue(1).build().expect("it is a pool"));
        let call = pool.spawn(|| 1);
        let held_up = thread::spawn({
            let pool = pool.clone();
            move || pool.spawn(|| 2)
        });
        assert!(call.cancel());
        let call = held_up.join().expect("it ended well");
        assert_eq!(pool.stats().queued, 1);
        pool.set_workers(1);
        assert_eq!(call.get(), 2);
    });
}

#[test]
fn a_cancel_races_with_a_nested_wait() {
    check(|| {
        let pool = shared(1);
        let inside = pool.clone();
        let (promise, value) = AsyncValue::promise();
        let outer = pool.spawn(move || {
            let inner = inside.spawn(|| 1);
            promise.set(());
            inner.outcome()
        });
        value.get();
        pool.cancel_queued();
        let outcome = outer.get();
        assert!(matches!(outcome, Ok(1) | Err(TaskError::Cancelled)), "{outcome:?}");
        pool.close();
        assert_eq!(pool.stats().queued, 0);
    });
}

#[test]
fn whole_queues_are_cancelled() {
    check(|| {
        let pool = shared(1);
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let calls = pool.map(0..3, move |_| count.fetch_add(1, Ordering::SeqCst));
        let other = thread::spawn({
            let pool = pool.clone();
            move || pool.cancel_queued()
        });
        let cancelled = pool.cancel_queued() + other.join().expect("it ended well");
        let lost = calls.outcomes().iter().filter(|outcome| outcome.is_err()).count();
        assert_eq!((lost, ran.load(Ordering::SeqCst)), (cancelled, 3 - cancelled));
    });
}

// Many calls, and waits with a time-out.

#[test]
fn the_first_of_several() {
    check(|| {
        let pool = Pool::new(2);
        let first = pool.map(0..3, |n| n).first();
        assert!(first.is_some_and(|n| n < 3));
        let none = pool.map(0..2, |_| -> u32 { std::panic::resume_unwind(Box::new(())) }).first();
        assert_eq!(none, None);
    });
}

#[test]
fn calls_as_they_complete() {
    check(|| {
        let pool = Pool::new(2);
        let mut ended: Vec<_> = pool.map(0..3, |n| n).as_completed().map(|(at, n)| (at, n.expect("it runs"))).collect();
        ended.sort_unstable();
        assert_eq!(ended, [(0, 0), (1, 1), (2, 2)]);
    });
}

#[test]
fn calls_as_they_complete_in_a_call() {
    check(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let inside = on.clone();
        let outer = on.0.spawn(move || {
            let calls: AsyncList<_> = [inside.add(value, 1), inside.add(2, 2)].into_iter().collect();
            let mut ended: Vec<_> = calls.as_completed().map(|(_, sum)| sum.expect("it runs")).collect();
            ended.sort_unstable();
            ended
        });
        let setter = thread::spawn(move || promise.set(1));
        assert_eq!(outer.get(), [2, 4]);
        setter.join().expect("it ended well");
        on.0.close();
    });
}

#[test]
fn a_thread_waits_with_a_time_out() {
    check(|| {
        let pool = Pool::new(1);
        let call = pool.spawn(|| {
            pause();
            5
        });
        let n = match call.get_timeout(SECOND) {
            Ok(n) => n,
            Err(call) => call.get(),
        };
        assert_eq!(n, 5);
    });
}

#[test]
fn a_list_waits_with_a_time_out() {
    check(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let inside = on.clone();
        let outer = on.0.spawn(move || {
            let calls: AsyncList<_> = [inside.add(value, 1), inside.add(2, 2)].into_iter().collect();
            calls.get_timeout(SECOND).unwrap_or_else(AsyncList::get)
        });
        let setter = thread::spawn(move || promise.set(1));
        assert_eq!(outer.get(), [2, 4]);
        setter.join().expect("it ended well");
        on.0.close();
    });
}

// Results that go on.

#[test]
fn one_result_for_several() {
    check(|| {
        let on = On::new(2);
        let call = on.0.spawn(|| {
            pause();
            1
        });
        let cloned = on.add(&call, 1);
        let moved = on.add(call, 2);
        let sum = on.add(cloned, moved);
        assert_eq!(sum.get(), 5);
        on.0.close();
    });
}

#[test]
fn what_follows_a_call() {
    check(|| {
        let pool = Pool::new(1);
        let sum = pool.spawn(|| 1).map(|n| n + 1).zip(pool.spawn(|| 3));
        let followed = pool.spawn(|| ()).chain(|| 4);
        assert_eq!((sum.get(), followed.get()), ((2, 3), 4));
    });
}

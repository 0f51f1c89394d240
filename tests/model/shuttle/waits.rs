//! Calls wait for other calls.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools_model::AsyncValue;
use shuttle::thread;

use crate::check;
use crate::helpers::Ceiling;
use crate::helpers::On;
use crate::helpers::SECOND;
use crate::helpers::pause;
use crate::helpers::shared;
use crate::helpers::with_spares;

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
        // A waiter may not run this call: the call wants the lock that the waiter holds.
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

//! Calls that wait lend their permits: each wait ends, no call runs twice, and no more calls begin at a time than there are workers.
//! Time passes at random here, so a permit beyond the limit may come at any moment: how many there are is not counted. The models
//! with many steps run thoroughly with few calls, and less often with one more.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools_model::AsyncList;
use asynctools_model::AsyncValue;
use asynctools_model::OnFull;
use asynctools_model::Pool;
use shuttle::thread;

use crate::check;
use crate::helpers::Ceiling;
use crate::helpers::On;
use crate::helpers::SECOND;
use crate::helpers::bounded;
use crate::helpers::pause;
use crate::helpers::shared;
use crate::thoroughly;

fn nest(calls: usize) {
    let (outer, inner) = (shared(1), shared(1));
    let (begins, runs) = (Ceiling::of(1), Ceiling::of(1));
    let there = inner.clone();
    let values = outer.map(0..calls, move |n| {
        begins.within(|| ());
        let runs = runs.clone();
        there.spawn(move || runs.within(|| n)).get()
    });
    assert_eq!(values.get(), (0..calls).collect::<Vec<_>>());
    outer.close();
    inner.close();
    assert_eq!((outer.stats().finished, inner.stats().finished), (calls, calls));
}

#[test]
fn two_pools_nest() {
    thoroughly(|| nest(2));
}

#[test]
fn two_pools_nest_with_one_more() {
    check(|| nest(3));
}

#[test]
fn several_wait_for_one_token() {
    thoroughly(|| {
        let (pool, elsewhere) = (shared(1), shared(1));
        let token = elsewhere.spawn(|| 5).shared();
        let begins = Ceiling::of(1);
        let calls = pool.map(0..4, move |_| {
            begins.within(|| ());
            *token.get()
        });
        assert_eq!(calls.get(), [5; 4]);
        pool.close();
    });
}

#[test]
fn a_waiter_comes_back_while_another_call_begins() {
    thoroughly(|| {
        let pool = shared(1);
        let (promise, value) = AsyncValue::promise();
        let waits = pool.spawn(move || value.get());
        let begins = Ceiling::of(1);
        // Long, so that the waiter comes back in the midst of one.
        let others = pool.map(0..2, move |_| begins.within(|| (0..100).for_each(|_| pause())));
        promise.set(());
        waits.get();
        others.get();
    });
}

fn wait_for_the_call_behind(calls: usize) {
    let pool = shared(1);
    let (promise, value) = AsyncValue::promise();
    let value = value.shared();
    let begins = Ceiling::of(1);
    let waits = pool.map(0..calls, move |_| {
        begins.within(|| ());
        *value.get()
    });
    let sets = pool.spawn(move || promise.set(5));
    assert_eq!(waits.get(), vec![5; calls]);
    sets.get();
}

#[test]
fn waits_for_what_the_call_behind_sets() {
    thoroughly(|| wait_for_the_call_behind(2));
}

#[test]
fn waits_for_what_the_call_behind_sets_with_one_more() {
    check(|| wait_for_the_call_behind(3));
}

fn wait_through_another_pool(calls: usize) {
    let (pool, other) = (shared(1), shared(1));
    let (promise, value) = AsyncValue::promise();
    let relay = other.spawn(move || value.get()).shared();
    let waits = pool.map(0..calls, move |_| *relay.get());
    let sets = pool.spawn(move || promise.set(5));
    assert_eq!(waits.get(), vec![5; calls]);
    sets.get();
}

#[test]
fn waits_for_what_the_call_behind_sets_through_another_pool() {
    thoroughly(|| wait_through_another_pool(2));
}

#[test]
fn waits_for_what_the_call_behind_sets_through_another_pool_with_one_more() {
    check(|| wait_through_another_pool(3));
}

fn turn(pools: Arc<[Arc<Pool>; 2]>, left: usize) -> AsyncValue<usize> {
    let pool = pools[left % 2].clone();
    pool.spawn(move || if left == 0 { 0 } else { 1 + turn(pools, left - 1).get() })
}

fn take_turns(calls: usize) {
    let pools = Arc::new([shared(1), shared(1)]);
    let turns = [turn(pools.clone(), calls), turn(pools.clone(), calls - 1)];
    assert_eq!(turns.map(AsyncValue::get), [calls, calls - 1]);
    for pool in &*pools {
        pool.close();
    }
}

#[test]
fn two_pools_need_each_other() {
    thoroughly(|| take_turns(2));
}

#[test]
fn two_pools_need_each_other_with_one_more() {
    check(|| take_turns(3));
}

/// The others wait for a promise that is set only when the needed call has ended.
fn overtake(calls: usize) {
    let (pool, other) = (shared(1), shared(1));
    let (promise, value) = AsyncValue::promise();
    let value = value.shared();
    let others = pool.map(0..calls, move |_| *value.get());
    let inner = pool.clone();
    let call = other.spawn(move || inner.spawn(|| 5).get());
    assert_eq!(call.get(), 5);
    promise.set(6);
    assert_eq!(others.get(), vec![6; calls]);
    pool.close();
}

#[test]
fn a_needed_call_overtakes() {
    thoroughly(|| overtake(2));
}

#[test]
fn a_needed_call_overtakes_with_one_more() {
    check(|| overtake(3));
}

#[test]
fn a_needed_call_becomes_ready_in_another_pool() {
    thoroughly(|| {
        let (here, there) = (shared(1), On::new(1));
        let (last, token) = AsyncValue::promise();
        let token = token.shared();
        let others = there.0.map(0..2, move |_| *token.get());
        let (promise, value) = AsyncValue::promise();
        let on = there.clone();
        let call = here.spawn(move || on.add(value, 1).get());
        let setter = thread::spawn(move || promise.set(4));
        assert_eq!(call.get(), 5);
        setter.join().expect("it ended well");
        last.set(6);
        assert_eq!(others.get(), [6; 2]);
        there.0.close();
    });
}

/// Each of the calls is needed; one thread at a time runs them, in a pool whose own calls wait.
fn drive(calls: usize) {
    let (driver, pool) = (shared(1), shared(1));
    let (promise, value) = AsyncValue::promise();
    let value = value.shared();
    let others = pool.map(0..2, move |_| *value.get());
    let (inner, runs) = (pool.clone(), Ceiling::of(1));
    let call = driver.spawn(move || {
        let runs = runs.clone();
        inner.map(0..calls, move |n| runs.within(|| n)).get()
    });
    assert_eq!(call.get(), (0..calls).collect::<Vec<_>>());
    promise.set(6);
    assert_eq!(others.get(), [6; 2]);
}

#[test]
fn a_driver_needs_many_calls_of_another_pool() {
    thoroughly(|| drive(2));
}

#[test]
fn a_driver_needs_many_calls_of_another_pool_with_one_more() {
    check(|| drive(3));
}

#[test]
fn timed_waits_lend_and_come_back() {
    thoroughly(|| {
        let (pool, ran) = (shared(1), Arc::new(AtomicUsize::new(0)));
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let count = ran.clone();
        let calls = pool.map(0..3, move |_| {
            let _ended = value.wait_timeout(SECOND);
            count.fetch_add(1, Ordering::SeqCst);
            *value.get()
        });
        let setter = thread::spawn(move || promise.set(5));
        assert_eq!(calls.get(), [5; 3]);
        setter.join().expect("it ended well");
        assert_eq!(ran.load(Ordering::SeqCst), 3);
        pool.close();
    });
}

fn fill_each_other(calls: usize) {
    let pools = [bounded(OnFull::Block), bounded(OnFull::Block)];
    let fill = |n: usize| {
        let (here, there) = (pools[n].clone(), pools[1 - n].clone());
        here.spawn(move || (0..calls).map(|n| there.spawn(move || n)).collect::<AsyncList<_>>().get())
    };
    let fills = [fill(0), fill(1)];
    let values: Vec<_> = (0..calls).collect();
    assert_eq!(fills.map(AsyncValue::get), [values.clone(), values]);
    for pool in &pools {
        pool.close();
    }
}

#[test]
fn two_full_pools_submit_into_each_other() {
    thoroughly(|| fill_each_other(2));
}

#[test]
fn two_full_pools_submit_into_each_other_with_one_more() {
    check(|| fill_each_other(3));
}

fn pass_on(calls: usize) {
    let stages = [bounded(OnFull::Block), bounded(OnFull::Block)];
    let [first, second] = stages.clone();
    let passes = Ceiling::of(1);
    let send = |n: usize| {
        let (second, passes) = (second.clone(), passes.clone());
        first.spawn(move || second.spawn(move || passes.within(|| n)))
    };
    let made: Vec<_> = (0..calls).map(send).collect();
    let sum: usize = made.into_iter().map(|call| call.get().get()).sum();
    assert_eq!(sum, (0..calls).sum());
    for pool in &stages {
        pool.close();
    }
}

#[test]
fn a_chain_of_full_pools() {
    thoroughly(|| pass_on(3));
}

#[test]
fn a_chain_of_full_pools_with_one_more() {
    check(|| pass_on(4));
}

#[test]
fn a_pause_lends_nothing() {
    thoroughly(|| {
        let pool = shared(1);
        let (promise, value) = AsyncValue::promise();
        let waits = pool.spawn(move || value.get());
        pause();
        pool.set_workers(0);
        let resumed = Arc::new(AtomicBool::new(false));
        let seen = resumed.clone();
        let queued = pool.spawn(move || seen.load(Ordering::SeqCst));
        let setter = thread::spawn(move || promise.set(5));
        pause();
        resumed.store(true, Ordering::SeqCst);
        pool.set_workers(1);
        assert!(queued.get(), "it started in the pause");
        assert_eq!(waits.get(), 5);
        setter.join().expect("it ended well");
    });
}

/// Waits until a call has paused the pool, and ends the pause after some steps. Notes that in `resumed`, before a call may begin.
fn resume_after_a_while(pool: &Pool, resumed: &AtomicBool) {
    while pool.workers() > 0 {
        thread::yield_now();
    }
    (0..20).for_each(|_| pause());
    resumed.store(true, Ordering::SeqCst);
    pool.set_workers(1);
}

/// A thread that runs calls for a waiter takes none that came after a pause.
#[test]
fn a_pause_stops_the_help_for_a_timed_wait() {
    thoroughly(|| {
        let (pool, resumed) = (shared(1), Arc::new(AtomicBool::new(false)));
        let (inner, seen) = (pool.clone(), resumed.clone());
        let waits = pool.spawn(move || {
            let mut calls = AsyncList::from([inner.spawn(|| true), inner.spawn(|| true)]).as_completed();
            let mut ends = vec![calls.next_timeout(SECOND)];
            inner.set_workers(0);
            calls.push(inner.spawn(move || seen.load(Ordering::SeqCst)));
            while calls.len() > 0 {
                ends.push(calls.next_timeout(SECOND));
            }
            ends.into_iter().flatten().flatten().all(|(_, end)| end.is_ok_and(|is_right| is_right))
        });
        resume_after_a_while(&pool, &resumed);
        assert!(waits.get(), "it started in the pause");
    });
}

/// For a waiter of another pool a thread comes again when the pause is over, although the pool is at its limit.
#[test]
fn a_pause_stops_the_help_for_another_pool() {
    thoroughly(|| {
        let pool = Arc::new(Pool::builder().workers(1).max_blocked(0).build().expect("it is a pool"));
        let (promise, value) = AsyncValue::promise();
        let blocked = pool.spawn(move || value.get());
        while pool.stats().blocked == 0 {
            thread::yield_now();
        }
        let (other, resumed) = (shared(1), Arc::new(AtomicBool::new(false)));
        let (inner, seen) = (pool.clone(), resumed.clone());
        let waits = other.spawn(move || {
            let mut calls = AsyncList::from([inner.spawn(|| true), inner.spawn(|| true)]).as_completed();
            let first = calls.next();
            inner.set_workers(0);
            calls.push(inner.spawn(move || seen.load(Ordering::SeqCst)));
            first.into_iter().chain(calls).all(|(_, end)| end.is_ok_and(|is_right| is_right))
        });
        resume_after_a_while(&pool, &resumed);
        assert!(waits.get(), "it started in the pause");
        promise.set(5);
        assert_eq!(blocked.get(), 5);
    });
}

/// A thread comes for a call beyond the limit, and the call is cancelled before it comes.
#[test]
fn a_pause_lends_nothing_beyond_the_limit() {
    thoroughly(|| {
        let pool = Arc::new(Pool::builder().workers(1).max_blocked(0).build().expect("it is a pool"));
        let (promise, value) = AsyncValue::promise();
        let waits = pool.spawn(move || value.get());
        while pool.stats().blocked == 0 {
            thread::yield_now();
        }
        let lent = pool.spawn(|| ());
        (0..20).for_each(|_| pause());
        lent.cancel();
        pool.set_workers(0);
        let resumed = Arc::new(AtomicBool::new(false));
        let seen = resumed.clone();
        let queued = pool.spawn(move || seen.load(Ordering::SeqCst));
        (0..40).for_each(|_| pause());
        resumed.store(true, Ordering::SeqCst);
        pool.set_workers(1);
        assert!(queued.get(), "it started in the pause");
        promise.set(5);
        assert_eq!(waits.get(), 5);
    });
}

#[test]
fn a_pool_shrinks_below_its_blocked_calls() {
    thoroughly(|| {
        let pool = shared(2);
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let waits = pool.map(0..2, move |_| *value.get());
        pause();
        pool.set_workers(1);
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(waits.get(), [5; 2]);
        sets.get();
        pool.close();
    });
}

#[test]
fn a_call_behind_sets_the_promise() {
    thoroughly(|| {
        let pool = shared(1);
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let waits = [value.clone(), value].map(|value| pool.spawn(move || *value.get()));
        // Two calls have begun, and both wait: this one begins beyond the limit.
        let sets = pool.spawn(move || promise.set(5));
        assert_eq!(waits.map(AsyncValue::get), [5, 5]);
        sets.get();
    });
}

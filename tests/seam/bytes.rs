//! What a waiting call takes in memory, with and without those who may watch. Nothing runs here.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use allocation_counter::measure;
use asynctools::AsyncValue;
use asynctools::Pool;

const CALLS: usize = 31_000;
/// The queue takes its memory in blocks of 31 entries, of 24 bytes each.
const BLOCKS: usize = CALLS / 31;

/// A recording is of all calls of the process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_waiting_call_takes_eight_bytes_more_with_a_tag() {
    let _alone = alone();
    let pool = Pool::new(0);
    pool.spawn(|| 1_u64).detach();
    let mut calls: Vec<AsyncValue<u64>> = Vec::with_capacity(CALLS);
    let call: fn() -> u64 = || 1;
    let info = measure(|| calls.extend((0..CALLS).map(|_| pool.spawn(call))));
    let queue = i64::try_from(BLOCKS * (31 * 24 + 8)).unwrap();
    let node = (info.bytes_current - queue) / i64::try_from(CALLS).unwrap();
    // A pointer to the function, which the call of an annotated function does not have.
    let most = if cfg!(feature = "hooks") { 88 + 8 + 8 } else { 88 + 8 };
    assert!(node <= most, "{node} bytes, and {most} are allowed");
    drop(calls);
}

/// Each tag lies in the memory of the tag before.
#[cfg(feature = "hooks")]
#[test]
fn watched_calls_in_turn_have_one_tag() {
    const TURNS: u64 = 100;
    let _alone = alone();
    let pool = Pool::builder().workers(1).around(|_| |run| run.run()).build().unwrap();
    let call = |n: u64| assert_eq!(pool.spawn(move || n).get(), n);
    asynctools::serial(|| {
        // The first call makes what the thread keeps.
        call(0);
        let info = measure(|| (0..TURNS).for_each(call));
        assert_eq!(info.count_total, TURNS, "an allocation for each call, and none for its tag");
    });
}

/// What a recording keeps of a call, with and without an argument. The calls run on one thread, whose allocations are counted.
#[cfg(feature = "trace")]
#[test]
fn a_recorded_call_takes_at_most_two_hundred_bytes() {
    const PAIRS: usize = 50_000;
    const LEAST: usize = size_of::<asynctools::CallSite>() + 4 * size_of::<u64>();
    let _alone = alone();
    let pool = Pool::new(1);
    let call = |n: usize| assert_eq!(pool.spawn(move || n).get(), n);
    let pair = |n: usize| assert_eq!(pool.spawn(move || n).map(|n| n + 1).get(), n + 1);
    asynctools::serial(|| {
        for (calls, make) in [(1, &call as &dyn Fn(usize)), (2, &pair)] {
            let recording = asynctools::trace::Recording::start().unwrap();
            // What a thread makes once.
            make(0);
            let info = measure(|| (0..PAIRS).for_each(make));
            let each = usize::try_from(info.bytes_current).unwrap() / (calls * PAIRS);
            assert!((LEAST..=200).contains(&each), "{each} bytes");
            assert_eq!(recording.stop().calls().len(), calls * (PAIRS + 1));
        }
    });
}

fn survives_a_panic<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe + Send + Sync>() {}

/// A feature takes nothing away from a type that a program may name.
#[test]
fn types_keep_their_traits() {
    survives_a_panic::<asynctools::CallSite>();
    survives_a_panic::<asynctools::TaskError>();
    survives_a_panic::<asynctools::PoolBuilder>();
    survives_a_panic::<Pool>();
    survives_a_panic::<AsyncValue<u64>>();
}

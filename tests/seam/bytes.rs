//! What a waiting call takes in memory, with and without those who may watch. Nothing runs here.

use allocation_counter::measure;
use asynctools::AsyncValue;
use asynctools::Pool;

const CALLS: usize = 31_000;
/// The queue takes its memory in blocks of 31 entries, of 24 bytes each.
const BLOCKS: usize = CALLS / 31;

#[test]
fn a_waiting_call_takes_eight_bytes_more_with_a_tag() {
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

//! What a call costs in memory, counted by the allocator: a binary of its own, since it replaces that.

use std::mem::size_of;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use allocation_counter::AllocationInfo;
use allocation_counter::measure;
use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::Shared;
use asynctools::TaskError;
use asynctools::pooled;

/// Nothing runs here, so that all that is allocated is allocated by the caller.
static PAUSED: Pool = Pool::new(0);

static ALONE: Mutex<()> = Mutex::new(());

const CALLS: usize = 31_000;
/// The queue takes its memory in blocks of 31 entries, of 24 bytes each.
const BLOCKS: usize = CALLS / 31;

#[pooled(pool = PAUSED)]
fn none() -> u64 {
    1
}

#[pooled(pool = PAUSED)]
fn three(a: u64, b: u64, c: u64) -> u64 {
    a + b + c
}

#[pooled(pool = PAUSED)]
fn fallible(a: u64, text: String) -> Result<u64, String> {
    Ok(a + text.len() as u64)
}

#[pooled(pool = PAUSED)]
fn length(text: &str) -> usize {
    text.len()
}

#[pooled(pool = PAUSED)]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

/// What the calls of `call` allocate on this thread, each with one of `inputs`. The results are held.
fn cost<I, T>(inputs: impl IntoIterator<Item = I>, call: impl Fn(I) -> AsyncValue<T>) -> AllocationInfo {
    // What a pool allocates once.
    none().detach();
    assert_ne!(Pool::global().workers(), 0);
    // Whoever comes to the end of a block of the queue allocates the next, so nobody else may.
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut inputs: Vec<_> = inputs.into_iter().collect();
    let mut calls = Vec::with_capacity(inputs.len());
    // Drained, since the memory of the inputs counts as given back where they are gone.
    let info = measure(|| inputs.drain(..).for_each(|input| calls.push(call(input))));
    drop(calls);
    info
}

/// Asserts so many allocations for each of `CALLS` calls, and the blocks of the queue; says what they were.
fn assert_each(what: &str, info: AllocationInfo, allocations: usize, queued: bool) {
    let total = usize::try_from(info.count_total).unwrap();
    let blocks = if queued { BLOCKS } else { 0 };
    let bytes = info.bytes_current / i64::try_from(CALLS).unwrap();
    println!("{what}: {total} allocations for {CALLS} calls, {bytes} bytes each with their entry in the queue");
    // What was freed once before may come in a block or two more.
    assert!(total.abs_diff(CALLS * allocations + blocks) <= 3, "{what}: {total} allocations for {CALLS} calls");
}

#[test]
fn a_call_with_plain_arguments_allocates_once() {
    assert_each("no argument", cost(0..CALLS, |_| none()), 1, true);
    assert_each("three numbers", cost(0..CALLS as u64, |n| three(n, 2, 3)), 1, true);
    let texts = (0..CALLS).map(|_| "text".to_owned());
    assert_each("fallible, with a text", cost(texts, |text| fallible(1, text)), 1, true);
    let texts = (0..CALLS).map(|_| "text".to_owned());
    assert_each("a text by reference", cost(texts, length), 1, true);
    assert_each("a text by reference, copied", cost(0..CALLS, |_| length("text")), 2, true);
    assert_each("a closure", cost(0..CALLS as u64, |n| PAUSED.spawn(move || n)), 1, true);
}

#[test]
fn a_waiting_call_is_small() {
    let info = cost(0..CALLS, |_| none());
    let queue = i64::try_from(BLOCKS * (31 * 24 + 8)).unwrap();
    let node = (info.bytes_current - queue) / i64::try_from(CALLS).unwrap();
    println!("a waiting `fn() -> u64`: {node} bytes, and {} in the queue", queue / i64::try_from(CALLS).unwrap());
    assert!(node <= 88, "{node} bytes");
    assert!(info.bytes_current <= 113 * i64::try_from(CALLS).unwrap(), "{} bytes in all", info.bytes_current);
    assert!(size_of::<AsyncValue<u64>>() <= 16 && size_of::<TaskError>() <= 16);
    assert!(size_of::<AsyncList<u64>>() <= 32);
}

fn promises<T>(convert: impl Fn(AsyncValue<u64>) -> T) -> (Vec<Promise<u64>>, Vec<T>) {
    (0..CALLS).map(|_| AsyncValue::promise()).map(|(promise, value)| (promise, convert(value))).unzip()
}

#[test]
fn a_moved_handle_costs_no_allocation_of_its_own() {
    let (kept, values) = promises(|value| value);
    assert_each("a moved handle", cost(values, |value| add(value, 1)), 1, false);
    drop(kept);
    let (kept, values) = promises(|value| value);
    assert_each("a map", cost(values, |value| value.map(|n| n + 1)), 1, false);
    drop(kept);
    let (kept, values) = promises(|value| value);
    assert_each("a zip", cost(values, |value| value.zip(AsyncValue::ready(1))), 2, false);
    drop(kept);
}

#[test]
fn a_borrowed_or_shared_handle_costs_what_it_must() {
    let (kept, values) = promises(|value| value);
    // The call, and the clone to come.
    assert_each("a borrowed handle", cost(&values, |value| add(value, 1)), 2, false);
    drop(kept);
    let (kept, values) = promises(AsyncValue::shared);
    // The call: the argument and the first who waits have room in what is there.
    assert_each("a shared handle", cost(&values, |value: &Shared<u64>| add(value, 1)), 1, false);
    drop(kept);
}

#[test]
fn a_handle_of_a_call_that_has_ended_costs_no_more_than_its_value() {
    let values: Vec<_> = (0..CALLS as u64).map(AsyncValue::ready).collect();
    assert_each("a borrowed handle of a call that has ended", cost(&values, |value| add(value, 1)), 1, true);
    assert_each("a moved handle of a call that has ended", cost(values, |value| add(value, 1)), 1, true);
}

#[test]
fn a_value_that_is_there_allocates_once() {
    let info = cost(0..CALLS as u64, AsyncValue::ready);
    assert_each("a ready value", info, 1, false);
}

/// A wait inside a call lists what it needs with the calls that it waits for, and takes itself off the list.
#[test]
fn a_set_leaves_nothing_in_a_call_that_goes_on() {
    let pool = Pool::new(1);
    let (promise, value) = AsyncValue::<u64>::promise();
    let rounds = |mut value: AsyncValue<u64>, count: usize| {
        for _ in 0..count {
            let mut set = AsyncList::from([value]).as_completed();
            assert!(set.next_timeout(Duration::from_nanos(1)).is_err());
            value = set.into_list().into_iter().next().expect("it was not returned");
        }
        value
    };
    let grown = pool.spawn(move || {
        let mut value = Some(rounds(value.map(|n| n), 10));
        let info = measure(|| value = value.take().map(|value| rounds(value, 1_000)));
        info.bytes_current
    });
    let grown = grown.get();
    promise.set(1);
    assert!(grown < 10_000, "{grown} bytes after 1,000 sets");
}

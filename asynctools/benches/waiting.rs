//! Prints what a call costs in memory that waits for its turn: for each system its name, then the allocations and bytes
//! of the median call, then the means, which have its share of the queue in them.

use std::alloc::System;
use std::hint::black_box;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use asynctools::Pool;
use asynctools::pooled;
use futures::task::SpawnExt;
use stats_alloc::INSTRUMENTED_SYSTEM;
use stats_alloc::Region;
use stats_alloc::StatsAlloc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CALLS: u32 = 10_000;

static PAUSED: Pool = Pool::new(0);

#[pooled(pool = PAUSED)]
fn answer() -> u64 {
    42
}

/// Makes calls that wait, and prints what they took.
fn report<H>(name: &str, mut submit: impl FnMut() -> H) {
    let calls = usize::try_from(CALLS).unwrap_or(usize::MAX);
    let mut handles = Vec::with_capacity(calls);
    // What a system sets up at its first call is not the call's.
    handles.push(submit());
    let mut each = Vec::with_capacity(calls);
    let all = Region::new(ALLOCATOR);
    for _ in 1..CALLS {
        let one = Region::new(ALLOCATOR);
        handles.push(submit());
        let change = one.change();
        each.push((change.allocations, change.bytes_allocated));
    }
    let change = all.change();
    each.sort_unstable();
    let (allocations, bytes) = each[each.len() / 2];
    let mean = |sum: usize| f64::from(u32::try_from(sum).expect("so much memory does not fit")) / f64::from(CALLS - 1);
    let kept = change.bytes_allocated - change.bytes_deallocated;
    println!("{name}\t{allocations}\t{bytes}\t{:.2}\t{:.0}", mean(change.allocations), mean(kept));
    std::mem::forget(handles);
}

/// A job that a worker starts with and does not come back from, so that all others wait.
fn stuck() -> impl FnOnce() + Send + 'static {
    let (sender, receiver): (_, Receiver<()>) = mpsc::channel();
    std::mem::forget(sender);
    move || {
        let _ = receiver.recv();
    }
}

/// A job that sends its result.
fn answering() -> (impl FnOnce() + Send + 'static, oneshot::Receiver<u64>) {
    let (sender, receiver) = oneshot::channel();
    (move || drop(sender.send(black_box(42_u64))), receiver)
}

/// Every worker has its call by then.
fn settle() {
    std::thread::sleep(Duration::from_millis(50));
}

fn main() {
    report("#[pooled]", answer);
    let (sender, receiver) = crossbeam_channel::unbounded::<Box<dyn FnOnce() + Send>>();
    report("crossbeam-channel + oneshot", || {
        let (job, answer) = answering();
        sender.send(Box::new(job)).expect("the receiver is here");
        answer
    });
    drop(receiver);

    let rayon = rayon_core::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be had");
    rayon.spawn(stuck());
    settle();
    report("rayon + oneshot", || {
        let (job, answer) = answering();
        rayon.spawn(job);
        answer
    });

    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let tokio = builder.worker_threads(1).max_blocking_threads(2).build().expect("threads can be had");
    tokio.spawn(async { stuck()() });
    tokio.spawn_blocking(stuck());
    settle();
    report("tokio spawn_blocking", || tokio.spawn_blocking(|| black_box(42_u64)));
    report("tokio spawn", || tokio.spawn(async { black_box(42_u64) }));

    let threadpool = threadpool::ThreadPool::new(1);
    threadpool.execute(stuck());
    settle();
    report("threadpool + oneshot", || {
        let (job, answer) = answering();
        threadpool.execute(job);
        answer
    });

    let futures = futures::executor::ThreadPool::builder().pool_size(1).create().expect("a thread can be had");
    futures.spawn_ok(async { stuck()() });
    settle();
    report("futures ThreadPool", || futures.spawn_with_handle(async { black_box(42_u64) }).expect("the pool is open"));

    // The parent allows it one thread.
    blocking::unblock(stuck()).detach();
    settle();
    report("blocking", || blocking::unblock(|| black_box(42_u64)));

    let rusty = rusty_pool::ThreadPool::new(1, 1, Duration::from_secs(60));
    rusty.execute(stuck());
    settle();
    report("rusty_pool", || rusty.evaluate(|| black_box(42_u64)));
    // No pool is waited for: their workers are stuck.
    std::process::exit(0);
}

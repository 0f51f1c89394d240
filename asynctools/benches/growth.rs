//! Works that grow: more calls, workers, producers, pools or blocked calls, and no more time for each.

use std::sync::Arc;
use std::thread;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::Shared;
use asynctools::parallel;

use crate::measure::Against;
use crate::measure::Row;
use crate::measure::Scale;
use crate::measure::Work;
use crate::measure::per;
use crate::quartiles::Verdict;
use crate::systems::Job as _;
use crate::systems::NoOp;
use crate::systems::cores;
use crate::windows::resident;

/// How much more time per call the greater number may take.
const FLAT: f64 = 1.30;

/// A size with its name, since a row is found by it.
type Size = (&'static str, u64);

/// Makes a work with a row for each size, each beside the row of `base`.
fn work<T>(name: &'static str, per: &'static str, base: Size, sizes: &[Size], mut turn: impl FnMut(u64) -> T) -> Work
where
    T: FnMut() -> f64 + 'static,
{
    let start = Work::new(name, per).ours(base.0, turn(base.1));
    sizes
        .iter()
        .fold(start, |work, (size, number)| work.ours(size, turn(*number)).bar(size, Against::System(base.0), FLAT))
}

/// Calls all of which are made first; the results are asked for handle by handle, or list by list.
pub(crate) fn pending(scale: Scale) -> Work {
    let calls = scale.calls(100_000);
    let sizes = [("10 calls", 10), ("100 calls", 100), ("1,000 calls", 1_000), ("100,000 calls", 100_000)];
    work("pending calls of a waiter", "call", ("1 call", 1), &sizes, |size| {
        let list = move |first: u64| (first..calls.min(first + size)).map(NoOp::annotated);
        let firsts = move || (0..calls).step_by(usize::try_from(size).expect("it is small"));
        move || {
            per(calls, || {
                let sum: u64 = if size == 1 {
                    let calls: Vec<AsyncValue<u64>> = firsts().flat_map(list).collect();
                    calls.into_iter().map(AsyncValue::get).sum()
                } else {
                    let lists: Vec<AsyncList<u64>> = firsts().map(|first| list(first).collect()).collect();
                    lists.into_iter().flat_map(AsyncList::get).sum()
                };
                assert_eq!(sum, calls * (calls - 1) / 2);
            })
        }
    })
}

fn batch(pool: &Pool, calls: u64) {
    let sum: u64 = pool.map(0..calls, NoOp::run).get().into_iter().sum();
    assert_eq!(sum, calls * (calls - 1) / 2);
}

pub(crate) fn workers(scale: Scale) -> Work {
    let calls = scale.calls(200_000);
    let sizes = [("4 workers", 4), ("16 workers", 16), ("64 workers", 64)];
    work("batch, more workers than cores", "call", ("2 workers", 2), &sizes, |workers| {
        let pool = Pool::new(usize::try_from(workers).expect("it is small"));
        move || per(calls, || batch(&pool, calls))
    })
}

pub(crate) fn producers(scale: Scale) -> Work {
    let calls = scale.calls(200_000) / 64 * 64;
    let sizes = [("2 producers", 2), ("16 producers", 16), ("64 producers", 64)];
    work("batch, many producers", "call", ("4 producers", 4), &sizes, |producers| {
        let pool = Pool::new(cores());
        move || {
            let turn = || {
                thread::scope(|scope| {
                    (0..producers).for_each(|_| drop(scope.spawn(|| batch(&pool, calls / producers))));
                });
            };
            per(calls, turn)
        }
    })
}

pub(crate) fn lists(scale: Scale) -> Work {
    let base = ("100,000 calls", 100_000);
    let short = [("1,000 calls", 1_000), ("10,000 calls", 10_000)];
    let long = [("1,000,000 calls", 1_000_000), ("10,000,000 calls", 10_000_000)];
    let turn = move |calls| {
        let pool = Pool::new(cores());
        let calls = scale.calls(calls);
        // A short list is made again and again, or its turn would be over before the workers are awake.
        let times = (scale.calls(100_000) / calls).max(1);
        move || per(calls * times, || (0..times).for_each(|_| batch(&pool, calls)))
    };
    work("one list", "call", base, &[short, long].concat(), turn)
}

const POOLS: &str = "pools, each with a call";
const THREADS: &str = "std::thread, parked";

/// Makes `count` pools and has each run a call; all are alive at the end.
fn pools(count: u64) -> Vec<Pool> {
    (0..count)
        .map(|n| {
            let pool = Pool::new(1);
            assert_eq!(pool.spawn(move || n).get(), n);
            pool
        })
        .collect()
}

/// Makes `count` threads and has each run a call; all are parked at the end.
fn threads(count: u64) -> Vec<thread::JoinHandle<()>> {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    (0..count)
        .map(|n| {
            let sender = sender.clone();
            let thread = thread::spawn(move || {
                sender.send(n).expect("the other end waits");
                thread::park();
            });
            assert_eq!(receiver.recv(), Ok(n));
            thread
        })
        .collect()
}

fn end(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        thread.thread().unpark();
        thread.join().expect("it parks and ends");
    }
}

pub(crate) fn many_pools(scale: Scale) -> Work {
    let count = scale.calls(10_000);
    Work::new(MANY_POOLS, "pool")
        .ours(POOLS, move || {
            let mut alive = Vec::new();
            per(count, || alive = pools(count))
        })
        .peer(THREADS, move || {
            let mut alive = Vec::new();
            let time = per(count, || alive = threads(count));
            end(alive);
            time
        })
        .bar(POOLS, Against::System(THREADS), FLAT)
}

/// The bar on the memory of pools beside that of as many threads.
pub(crate) fn memory(scale: Scale) -> Vec<Row> {
    let count = scale.calls(10_000);
    let grown = |make: &dyn Fn() -> Box<dyn FnOnce()>| {
        let before = resident()?;
        let end = make();
        let bytes = resident()?.saturating_sub(before) * 1_024 / count;
        end();
        Some(bytes)
    };
    let parked = || -> Box<dyn FnOnce()> {
        let alive = threads(count);
        Box::new(move || end(alive))
    };
    // Threads first: what they leave to the allocator is there for the pools, and for themselves again.
    let _warm = grown(&parked);
    let theirs = grown(&parked);
    let ours = grown(&|| {
        let alive = pools(count);
        Box::new(move || drop(alive))
    });
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Vec::new() };
    vec![Row {
        work: format!("{MANY_POOLS}: bytes of each"),
        ours: format!("{POOLS}: {ours}"),
        against: format!("{THREADS}: {theirs}"),
        ratio: String::new(),
        bar: format!("{BYTES_OF_A_POOL} more"),
        verdict: Some(if ours <= theirs + BYTES_OF_A_POOL { Verdict::Held } else { Verdict::Missed }),
    }]
}

pub(crate) const MANY_POOLS: &str = "pools, all alive";

/// A page more than its thread.
const BYTES_OF_A_POOL: u64 = 4_096;

#[parallel]
fn held(token: Arc<Shared<()>>) {
    let () = *token.get();
}

/// Calls that are blocked until the drop.
struct Blocked(Option<Promise<()>>, Option<AsyncList<()>>);

impl Blocked {
    fn new(count: u64) -> Self {
        let (promise, token) = AsyncValue::promise();
        let token = Arc::new(token.shared());
        let calls = (0..count).map(|_| held(token.clone())).collect();
        Self(Some(promise), Some(calls))
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.0.take().expect("it is dropped once").set(());
        self.1.take().expect("it is dropped once").get();
    }
}

/// Nested waits in a process with many blocked calls.
pub(crate) fn blocked(scale: Scale) -> Work {
    let (calls, count) = (scale.calls(20_000), scale.calls(2_000));
    let nested = move || {
        let pool = Arc::new(Pool::new(cores()));
        let inner = Arc::new(Pool::new(cores()));
        per(calls, || {
            let calls = pool.map(0..calls, move |n| inner.spawn(move || n).get());
            calls.get()
        })
    };
    Work::new("nested waits in a process with blocked calls", "call")
        .ours("none blocked", nested)
        .ours("2,000 blocked", move || {
            let _blocked = Blocked::new(count);
            nested()
        })
        .answered("2,000 blocked", Against::System("none blocked"), FLAT, 1.60)
}

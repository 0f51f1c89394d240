//! Works of calls that need each other: fan-in, a chain, a random graph, waits inside calls.

use std::future::Future;
use std::hint::black_box;
use std::thread;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Shared;
use asynctools::pooled;
use futures::FutureExt;
use futures::future;
use futures::future::BoxFuture;
use futures::task::SpawnExt;

use crate::measure::Against;
use crate::measure::Scale;
use crate::measure::Work;
use crate::measure::per;
use crate::random_graph::edges;
use crate::random_graph::expected;
use crate::random_graph::mix;
use crate::systems::ATTRIBUTE;
use crate::systems::CROSSBEAM;
use crate::systems::Crossbeam;
use crate::systems::FUTURES;
use crate::systems::NoOp;
use crate::systems::Peer;
use crate::systems::THREAD;
use crate::systems::TOKIO;
use crate::systems::cores;
use crate::systems::runtime;

#[pooled(workers = cores())]
fn leaf(n: u64) -> u64 {
    black_box(n)
}

#[pooled(workers = cores())]
fn total(values: Vec<u64>) -> u64 {
    values.into_iter().sum()
}

pub(crate) fn fan(scale: Scale) -> Work {
    let calls = scale.calls(100_000);
    let sum = calls * (calls - 1) / 2;
    let (tokio, crossbeam) = (runtime(cores()), Crossbeam::new(cores()));
    Work::new("fan-out and fan-in", "call")
        .ours(ATTRIBUTE, move || {
            per(calls, || {
                let leaves: AsyncList<_> = (0..calls).map(leaf).collect();
                assert_eq!(total(leaves).get(), sum);
            })
        })
        .peer(TOKIO, move || {
            per(calls, || {
                let leaves: Vec<_> = (0..calls).map(|n| tokio.spawn(async move { black_box(n) })).collect();
                let total = tokio.spawn(async move {
                    let mut total = 0;
                    for leaf in leaves {
                        total += leaf.await.expect("no task panics");
                    }
                    total
                });
                assert_eq!(tokio.block_on(total).expect("no task panics"), sum);
            })
        })
        .peer(CROSSBEAM, move || {
            per(calls, || {
                let leaves = (0..calls).map(|n| crossbeam.submit::<NoOp>(n)).collect();
                assert_eq!(crossbeam.get_all(leaves), sum);
            })
        })
        .compare(ATTRIBUTE, Against::System(TOKIO))
        .bar(ATTRIBUTE, Against::System(CROSSBEAM), 0.85)
}

const MAP: &str = "AsyncValue::map";

pub(crate) fn chain(scale: Scale) -> Work {
    let calls = scale.calls(100_000);
    let tokio = runtime(cores());
    let futures = futures::executor::ThreadPool::builder().pool_size(cores()).create().expect("threads can be had");
    Work::new("chain", "call")
        .ours(MAP, move || {
            per(calls, || {
                let last = (1..calls).fold(leaf(1), |value, _| value.map(|n| black_box(n) + 1));
                assert_eq!(last.get(), calls);
            })
        })
        .peer(TOKIO, move || {
            per(calls, || {
                let first = tokio.spawn(async { black_box(1) });
                let last = (1..calls).fold(first, |value, _| {
                    tokio.spawn(async move { black_box(value.await.expect("no task panics")) + 1 })
                });
                assert_eq!(tokio.block_on(last).expect("no task panics"), calls);
            })
        })
        .peer(FUTURES, move || {
            let pool = &futures;
            per(calls, || {
                let first = pool.spawn_with_handle(async { black_box(1) }).expect("the pool is open");
                let last = (1..calls).fold(first, |value, _| {
                    pool.spawn_with_handle(async move { black_box(value.await) + 1 }).expect("the pool is open")
                });
                assert_eq!(futures::executor::block_on(last), calls);
            })
        })
        .answered(MAP, Against::System(TOKIO), 0.50, 0.85)
        .compare(MAP, Against::Best)
}

const BY_REF: &str = "#[pooled], &handle";
const BY_SHARED: &str = "#[pooled], Shared";

#[pooled(workers = cores())]
fn node(a: u64, b: u64) -> u64 {
    mix(a, b)
}

pub(crate) fn random(scale: Scale) -> Work {
    let nodes = scale.calls(100_000);
    let edges = edges(nodes);
    let sum = expected(&edges);
    let (by_ref, by_shared) = (edges.clone(), edges.clone());
    let tokio = runtime(cores());
    Work::new("random graph", "node")
        .ours(BY_REF, move || {
            per(nodes, || {
                let mut values = vec![leaf(1)];
                for &(a, b) in &by_ref {
                    values.push(node(&values[a], &values[b]));
                }
                assert_eq!(AsyncList::from(values).get().into_iter().fold(0, u64::wrapping_add), sum);
            })
        })
        .ours(BY_SHARED, move || {
            per(nodes, || {
                let mut values: Vec<Shared<u64>> = vec![leaf(1).shared()];
                for &(a, b) in &by_shared {
                    values.push(node(values[a].clone(), values[b].clone()).shared());
                }
                assert_eq!(values.iter().fold(0, |sum: u64, value| sum.wrapping_add(*value.get())), sum);
            })
        })
        .peer(TOKIO, move || {
            per(nodes, || {
                let mut values = vec![share(tokio.spawn(async { black_box(1) }))];
                for &(a, b) in &edges {
                    let (a, b) = (values[a].clone(), values[b].clone());
                    values.push(share(tokio.spawn(async move { mix(a.await, b.await) })));
                }
                let total = tokio.block_on(async {
                    let mut total = 0_u64;
                    for value in values {
                        total = total.wrapping_add(value.await);
                    }
                    total
                });
                assert_eq!(total, sum);
            })
        })
        .answered(BY_REF, Against::System(TOKIO), 0.20, 0.40)
        .answered(BY_SHARED, Against::System(TOKIO), 0.40, 0.70)
}

/// A handle of tokio has one owner; `futures` has the means to share it.
fn share(task: tokio::task::JoinHandle<u64>) -> future::Shared<impl Future<Output = u64>> {
    task.map(|value| value.expect("no task panics")).shared()
}

#[pooled(workers = cores())]
fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b): (AsyncValue<u64>, AsyncValue<u64>) = (fib(n - 1), fib(n - 2));
    a.get() + b.get()
}

fn fib_rayon(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = rayon_core::join(|| fib_rayon(n - 1), || fib_rayon(n - 2));
    a + b
}

/// A thread for each call; where the system has no more, the caller does it.
fn fib_threads(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let call = |n| thread::Builder::new().spawn(move || fib_threads(n));
    let (a, b) = (call(n - 1), call(n - 2));
    let get = |call: std::io::Result<thread::JoinHandle<u64>>, n| match call {
        Ok(call) => call.join().expect("no job panics"),
        Err(_) => fib_threads(n),
    };
    get(a, n - 1) + get(b, n - 2)
}

fn fib_tokio(n: u64) -> BoxFuture<'static, u64> {
    async move {
        if n < 2 {
            return n;
        }
        let (a, b) = (tokio::spawn(fib_tokio(n - 1)), tokio::spawn(fib_tokio(n - 2)));
        a.await.expect("no task panics") + b.await.expect("no task panics")
    }
    .boxed()
}

fn fib_now(n: u64) -> u64 {
    if n < 2 { n } else { fib_now(n - 1) + fib_now(n - 2) }
}

pub(crate) fn nested(scale: Scale) -> Work {
    let n = if scale.divisor == 1 { 20 } else { 10 };
    let expected = fib_now(n);
    // fib(n) makes 2 fib(n + 1) - 1 calls.
    let calls = 2 * fib_now(n + 1) - 1;
    let tokio = runtime(cores());
    let rayon = rayon_core::ThreadPoolBuilder::new().num_threads(cores()).build().expect("threads can be had");
    Work::new("nested fib(20)", "call")
        .ours(ATTRIBUTE, move || per(calls, || assert_eq!(fib(n).get(), expected)))
        .peer(THREAD, move || per(calls, || assert_eq!(fib_threads(n), expected)))
        .peer(RAYON_JOIN, move || per(calls, || assert_eq!(rayon.install(|| fib_rayon(n)), expected)))
        .peer(TOKIO, move || {
            per(calls, || {
                let fib = tokio.spawn(fib_tokio(n));
                assert_eq!(tokio.block_on(fib).expect("no task panics"), expected);
            })
        })
        .bar(ATTRIBUTE, Against::System(THREAD), 0.05)
        .compare(ATTRIBUTE, Against::System(TOKIO))
        .answered(ATTRIBUTE, Against::System(RAYON_JOIN), 15.0, 45.0)
}

const RAYON_JOIN: &str = "rayon join";

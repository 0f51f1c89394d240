//! Works of independent calls: batches, several producers, lone calls, awaited ones, sleeping ones.

use std::sync::Arc;
use std::thread;
use std::thread::sleep;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::Pool;
use futures::future::join_all;
use tokio::runtime::Runtime;

use crate::measure::Against;
use crate::measure::Scale;
use crate::measure::Work;
use crate::measure::per;
use crate::quartiles::Quartiles;
use crate::systems::ATTRIBUTE;
use crate::systems::Attribute;
use crate::systems::Awaited;
use crate::systems::BLOCKING;
use crate::systems::Blocking;
use crate::systems::CROSSBEAM;
use crate::systems::Crossbeam;
use crate::systems::FUTURES;
use crate::systems::Futures;
use crate::systems::NAP;
use crate::systems::Nap;
use crate::systems::NoOp;
use crate::systems::Peer;
use crate::systems::RAYON;
use crate::systems::RUSTY;
use crate::systems::Rayon;
use crate::systems::Rusty;
use crate::systems::SLEEPERS;
use crate::systems::SPAWN;
use crate::systems::Spawn;
use crate::systems::THREAD;
use crate::systems::THREADPOOL;
use crate::systems::TOKIO;
use crate::systems::TOKIO_BLOCKING;
use crate::systems::Thread;
use crate::systems::Threadpool;
use crate::systems::Tokio;
use crate::systems::TokioBlocking;
use crate::systems::WRAPPER;
use crate::systems::Wrapper;
use crate::systems::cores;
use crate::systems::runtime;

/// How calls are made.
#[derive(Clone, Copy)]
enum Shape {
    /// All are submitted, then asked for.
    Batch,
    /// The same from so many threads at once.
    Producers(u64),
    /// One after the other: the worker still looks for the next call.
    Row,
    /// One at a time, after a rest: the worker has parked.
    Rested,
}

const REST: Duration = Duration::from_millis(2);

fn turn(shape: Shape, calls: u64, peer: impl Peer) -> impl FnMut() -> f64 + 'static {
    move || match shape {
        Shape::Batch => per(calls, || batch_of(&peer, calls)),
        Shape::Producers(count) => per(calls, || {
            thread::scope(|scope| (0..count).for_each(|_| drop(scope.spawn(|| batch_of(&peer, calls / count)))));
        }),
        Shape::Row => per(calls, || (0..calls).for_each(|n| lone(&peer, n))),
        Shape::Rested => {
            let call = |n| {
                sleep(REST);
                per(1, || lone(&peer, n))
            };
            Quartiles::of((0..calls).map(call).collect()).median
        }
    }
}

fn batch_of(peer: &impl Peer, calls: u64) {
    let handles = (0..calls).map(|n| peer.submit::<NoOp>(n)).collect();
    assert_eq!(peer.get_all(handles), calls * (calls - 1) / 2);
}

fn lone(peer: &impl Peer, n: u64) {
    assert_eq!(peer.get(peer.submit::<NoOp>(n)), n);
}

/// Every system in that shape, with as many workers as cores. Threads of their own get fewer calls, or they would take
/// seconds.
fn every_system(name: &'static str, shape: Shape, calls: u64, calls_of_threads: u64) -> Work {
    Work::new(name, "call")
        .ours(ATTRIBUTE, turn(shape, calls, Attribute))
        .ours(SPAWN, turn(shape, calls, Spawn(Pool::new(cores()))))
        .peer(CROSSBEAM, turn(shape, calls, Crossbeam::new(cores())))
        .peer(RAYON, turn(shape, calls, Rayon::new(cores())))
        .peer(TOKIO_BLOCKING, turn(shape, calls, TokioBlocking(runtime(cores()))))
        .peer(TOKIO, turn(shape, calls, Tokio(runtime(cores()))))
        .peer(THREADPOOL, turn(shape, calls, Threadpool(threadpool::ThreadPool::new(cores()))))
        .peer(FUTURES, turn(shape, calls, Futures::new(cores())))
        .peer(BLOCKING, turn(shape, calls, Blocking))
        .peer(RUSTY, turn(shape, calls, Rusty::new(cores())))
        .peer(THREAD, turn(shape, calls_of_threads, Thread))
}

pub(crate) fn batch(scale: Scale) -> Work {
    let calls = scale.calls(200_000);
    every_system("batch, one producer", Shape::Batch, calls, scale.calls(2_000))
        .ours(WRAPPER, turn(Shape::Batch, calls, Wrapper(Spawn(Pool::new(cores())))))
        .bar(ATTRIBUTE, Against::System(CROSSBEAM), 0.85)
        .bar(ATTRIBUTE, Against::System(RAYON), 0.70)
        .bar(ATTRIBUTE, Against::System(TOKIO_BLOCKING), 0.45)
        .compare(ATTRIBUTE, Against::Best)
        .answered(ATTRIBUTE, Against::System(SPAWN), 1.02, 1.10)
        .bar(ATTRIBUTE, Against::System(WRAPPER), 1.02)
}

pub(crate) fn producers(scale: Scale) -> Work {
    let calls = scale.calls(200_000) / 4 * 4;
    every_system("batch, four producers", Shape::Producers(4), calls, scale.calls(2_000) / 4 * 4)
        .bar(ATTRIBUTE, Against::Best, 0.90)
        .compare(ATTRIBUTE, Against::System(CROSSBEAM))
}

pub(crate) fn row(scale: Scale) -> Work {
    every_system("lone call and get, one after the other", Shape::Row, scale.calls(2_000), scale.calls(200)).answered(
        ATTRIBUTE,
        Against::Best,
        0.25,
        0.60,
    )
}

pub(crate) fn rested(scale: Scale) -> Work {
    every_system("lone call and get, after a rest", Shape::Rested, scale.calls(15), scale.calls(15)).bar(
        ATTRIBUTE,
        Against::Best,
        1.00,
    )
}

const JOINED: &str = "#[pooled], join_all";
const LIST: &str = "#[pooled], AsyncList";

pub(crate) fn awaited(scale: Scale) -> Work {
    let calls = scale.calls(10_000);
    let runtime = Arc::new(runtime(cores()));
    let list = runtime.clone();
    Work::new("`.await` from tokio, all joined", "call")
        .ours(JOINED, join(&runtime, calls, Attribute))
        .ours(LIST, move || {
            per(calls, || {
                let values = (0..calls).map(|n| Attribute.submit::<NoOp>(n)).collect::<AsyncList<_>>();
                assert_eq!(list.block_on(values).into_iter().sum::<u64>(), calls * (calls - 1) / 2);
            })
        })
        .peer(TOKIO_BLOCKING, join(&runtime, calls, TokioBlocking(crate::systems::runtime(cores()))))
        .peer(TOKIO, join(&runtime, calls, Tokio(crate::systems::runtime(cores()))))
        .peer(CROSSBEAM, join(&runtime, calls, Crossbeam::new(cores())))
        .peer(RAYON, join(&runtime, calls, Rayon::new(cores())))
        .peer(THREADPOOL, join(&runtime, calls, Threadpool(threadpool::ThreadPool::new(cores()))))
        .peer(FUTURES, join(&runtime, calls, Futures::new(cores())))
        .peer(BLOCKING, join(&runtime, calls, Blocking))
        .bar(JOINED, Against::System(TOKIO_BLOCKING), 0.60)
        .compare(LIST, Against::System(TOKIO_BLOCKING))
        .compare(JOINED, Against::Best)
}

fn join<P: Awaited>(runtime: &Arc<Runtime>, calls: u64, peer: P) -> impl FnMut() -> f64 + 'static {
    let runtime = runtime.clone();
    move || {
        per(calls, || {
            let handles: Vec<_> = (0..calls).map(|n| P::future(peer.submit::<NoOp>(n))).collect();
            assert_eq!(runtime.block_on(join_all(handles)).into_iter().sum::<u64>(), calls * (calls - 1) / 2);
        })
    }
}

const ALONE: &str = "one thread's share, alone";

pub(crate) fn sleeps(scale: Scale) -> Work {
    let calls = scale.calls(1_000);
    Work::new("sleeps of 1 ms on 50 workers", "call")
        .ours(ATTRIBUTE, naps(calls, Attribute))
        .ours(SPAWN, naps(calls, Spawn(Pool::new(SLEEPERS))))
        .peer(CROSSBEAM, naps(calls, Crossbeam::new(SLEEPERS)))
        .peer(RAYON, naps(calls, Rayon::new(SLEEPERS)))
        .peer(TOKIO_BLOCKING, naps(calls, TokioBlocking(runtime(SLEEPERS))))
        .peer(THREADPOOL, naps(calls, Threadpool(threadpool::ThreadPool::new(SLEEPERS))))
        .peer(FUTURES, naps(calls, Futures::new(SLEEPERS)))
        .peer(RUSTY, naps(calls, Rusty::new(SLEEPERS)))
        // A system wakes a thread somewhat later than after a millisecond, each time.
        .ideal(ALONE, move || per(calls, || (0..calls.div_ceil(SLEEPERS as u64)).for_each(|_| sleep(NAP))))
        .bar(ATTRIBUTE, Against::System(ALONE), 1.15)
        .compare(ATTRIBUTE, Against::Best)
}

fn naps(calls: u64, peer: impl Peer) -> impl FnMut() -> f64 + 'static {
    move || {
        per(calls, || {
            let handles = (0..calls).map(|n| peer.submit::<Nap>(n)).collect();
            assert_eq!(peer.get_all(handles), calls * (calls - 1) / 2);
        })
    }
}

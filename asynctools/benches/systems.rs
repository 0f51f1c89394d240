//! The systems: each can be given a call, and asked for its result.

use std::future::Future;
use std::hint::black_box;
use std::thread;
use std::thread::JoinHandle;
use std::thread::sleep;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::pooled;
use crossbeam_channel::Sender;
use futures::executor::block_on;
use futures::future::RemoteHandle;
use futures::task::SpawnExt;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

pub(crate) const ATTRIBUTE: &str = "#[pooled]";
pub(crate) const SPAWN: &str = "Pool::spawn";
pub(crate) const WRAPPER: &str = "Pool::spawn in a function";
pub(crate) const CROSSBEAM: &str = "crossbeam-channel + oneshot";
pub(crate) const RAYON: &str = "rayon + oneshot";
pub(crate) const TOKIO_BLOCKING: &str = "tokio spawn_blocking";
pub(crate) const TOKIO: &str = "tokio spawn";
pub(crate) const THREADPOOL: &str = "threadpool + oneshot";
pub(crate) const FUTURES: &str = "futures ThreadPool";
pub(crate) const BLOCKING: &str = "blocking";
pub(crate) const RUSTY: &str = "rusty_pool";
pub(crate) const THREAD: &str = "std::thread";

/// The workers of every pool that is not said to have another number.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What a call does.
pub(crate) trait Job: 'static {
    fn run(n: u64) -> u64;
    /// The same as a call of an annotated function.
    fn annotated(n: u64) -> AsyncValue<u64>;
}

/// Nothing.
pub(crate) struct NoOp;

/// A sleep of a millisecond.
pub(crate) struct Nap;

pub(crate) const NAP: Duration = Duration::from_millis(1);

/// The workers of the pool on which calls sleep.
pub(crate) const SLEEPERS: usize = 50;

#[pooled(workers = cores(), sync = no_op_now)]
fn no_op(n: u64) -> u64 {
    black_box(n)
}

#[pooled(workers = SLEEPERS, sync = nap_now)]
fn nap(n: u64) -> u64 {
    sleep(NAP);
    n
}

impl Job for NoOp {
    fn run(n: u64) -> u64 {
        no_op_now(n)
    }

    fn annotated(n: u64) -> AsyncValue<u64> {
        no_op(n)
    }
}

impl Job for Nap {
    fn run(n: u64) -> u64 {
        nap_now(n)
    }

    fn annotated(n: u64) -> AsyncValue<u64> {
        nap(n)
    }
}

pub(crate) trait Peer: Send + Sync + 'static {
    type Handle: Send;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle;

    fn get(&self, handle: Self::Handle) -> u64;

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        handles.into_iter().map(|handle| self.get(handle)).sum()
    }
}

/// Systems whose calls can be awaited.
pub(crate) trait Awaited: Peer {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send;
}

/// Ours, by the attribute.
pub(crate) struct Attribute;

impl Peer for Attribute {
    type Handle = AsyncValue<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        J::annotated(n)
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        handle.get()
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        AsyncList::from(handles).get().into_iter().sum()
    }
}

impl Awaited for Attribute {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send {
        handle
    }
}

/// Ours, by hand.
pub(crate) struct Spawn(pub(crate) Pool);

impl Peer for Spawn {
    type Handle = AsyncValue<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        self.0.spawn(move || J::run(n))
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        handle.get()
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        AsyncList::from(handles).get().into_iter().sum()
    }
}

/// Ours, by hand, in a function around it. The compiler leaves the function of the attribute outside of a loop that calls it, so
/// this one stays outside, too.
pub(crate) struct Wrapper(pub(crate) Spawn);

impl Peer for Wrapper {
    type Handle = AsyncValue<u64>;

    #[inline(never)]
    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        self.0.submit::<J>(n)
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        self.0.get(handle)
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        self.0.get_all(handles)
    }
}

/// What one writes oneself: threads that take boxed closures from a channel.
pub(crate) struct Crossbeam(Sender<Box<dyn FnOnce() + Send>>);

impl Crossbeam {
    pub(crate) fn new(workers: usize) -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded::<Box<dyn FnOnce() + Send>>();
        for _ in 0..workers {
            let receiver = receiver.clone();
            thread::spawn(move || receiver.iter().for_each(|job| job()));
        }
        Self(sender)
    }
}

/// A job that sends its result, and the end that receives it.
fn answering<J: Job>(n: u64) -> (impl FnOnce() + Send + 'static, oneshot::Receiver<u64>) {
    let (sender, receiver) = oneshot::channel();
    let job = move || sender.send(J::run(n)).expect("the receiver is kept");
    (job, receiver)
}

fn receive(receiver: oneshot::Receiver<u64>) -> u64 {
    receiver.recv().expect("every job sends")
}

async fn receive_async(receiver: oneshot::Receiver<u64>) -> u64 {
    receiver.await.expect("every job sends")
}

impl Peer for Crossbeam {
    type Handle = oneshot::Receiver<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        let (job, receiver) = answering::<J>(n);
        self.0.send(Box::new(job)).expect("the workers stay");
        receiver
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        receive(handle)
    }
}

impl Awaited for Crossbeam {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send {
        receive_async(handle)
    }
}

pub(crate) struct Rayon(rayon_core::ThreadPool);

impl Rayon {
    pub(crate) fn new(workers: usize) -> Self {
        Self(rayon_core::ThreadPoolBuilder::new().num_threads(workers).build().expect("threads can be had"))
    }
}

impl Peer for Rayon {
    type Handle = oneshot::Receiver<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        let (job, receiver) = answering::<J>(n);
        self.0.spawn(job);
        receiver
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        receive(handle)
    }
}

impl Awaited for Rayon {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send {
        receive_async(handle)
    }
}

/// A runtime with as many workers as cores, and so many threads for what blocks.
pub(crate) fn runtime(blocking: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(cores()).max_blocking_threads(blocking).enable_all().build().expect("threads can be had")
}

pub(crate) struct TokioBlocking(pub(crate) Runtime);

impl Peer for TokioBlocking {
    type Handle = tokio::task::JoinHandle<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        self.0.spawn_blocking(move || J::run(n))
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        self.0.block_on(handle).expect("no job panics")
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        self.0.block_on(sum(handles))
    }
}

async fn sum(handles: Vec<tokio::task::JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.expect("no job panics");
    }
    sum
}

impl Awaited for TokioBlocking {
    async fn future(handle: Self::Handle) -> u64 {
        handle.await.expect("no job panics")
    }
}

pub(crate) struct Tokio(pub(crate) Runtime);

impl Peer for Tokio {
    type Handle = tokio::task::JoinHandle<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        self.0.spawn(async move { J::run(n) })
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        self.0.block_on(handle).expect("no job panics")
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        self.0.block_on(sum(handles))
    }
}

impl Awaited for Tokio {
    async fn future(handle: Self::Handle) -> u64 {
        handle.await.expect("no job panics")
    }
}

pub(crate) struct Threadpool(pub(crate) threadpool::ThreadPool);

impl Peer for Threadpool {
    type Handle = oneshot::Receiver<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        let (job, receiver) = answering::<J>(n);
        self.0.execute(job);
        receiver
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        receive(handle)
    }
}

impl Awaited for Threadpool {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send {
        receive_async(handle)
    }
}

pub(crate) struct Futures(futures::executor::ThreadPool);

impl Futures {
    pub(crate) fn new(workers: usize) -> Self {
        Self(futures::executor::ThreadPool::builder().pool_size(workers).create().expect("threads can be had"))
    }
}

impl Peer for Futures {
    type Handle = RemoteHandle<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        self.0.spawn_with_handle(async move { J::run(n) }).expect("the pool is open")
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        block_on(handle)
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        block_on(async {
            let mut sum = 0;
            for handle in handles {
                sum += handle.await;
            }
            sum
        })
    }
}

impl Awaited for Futures {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send {
        handle
    }
}

/// The `blocking` crate has one pool, whose size is in the environment.
pub(crate) struct Blocking;

impl Peer for Blocking {
    type Handle = blocking::Task<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        blocking::unblock(move || J::run(n))
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        block_on(handle)
    }

    fn get_all(&self, handles: Vec<Self::Handle>) -> u64 {
        block_on(async {
            let mut sum = 0;
            for handle in handles {
                sum += handle.await;
            }
            sum
        })
    }
}

impl Awaited for Blocking {
    fn future(handle: Self::Handle) -> impl Future<Output = u64> + Send {
        handle
    }
}

pub(crate) struct Rusty(rusty_pool::ThreadPool);

impl Rusty {
    pub(crate) fn new(workers: usize) -> Self {
        Self(rusty_pool::ThreadPool::new(workers, workers, Duration::from_secs(60)))
    }
}

impl Peer for Rusty {
    type Handle = rusty_pool::JoinHandle<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        self.0.evaluate(move || J::run(n))
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        handle.await_complete()
    }
}

/// A thread for each call.
pub(crate) struct Thread;

impl Peer for Thread {
    type Handle = JoinHandle<u64>;

    fn submit<J: Job>(&self, n: u64) -> Self::Handle {
        thread::spawn(move || J::run(n))
    }

    fn get(&self, handle: Self::Handle) -> u64 {
        handle.join().expect("no job panics")
    }
}

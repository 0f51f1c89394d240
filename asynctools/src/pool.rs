//! `Pool`: workers that run calls, and the ways to operate them.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use crate::arguments::task::ReadyWork;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::graph::node::Node;
use crate::graph::wait::deadline;
use crate::handles::list::AsyncList;
use crate::handles::value::AsyncValue;
use crate::sync::OnceLock;
use crate::workers::blocking;
use crate::workers::config::Config;
use crate::workers::config::PoolStats;
use crate::workers::inner::Inner;

/// Workers that run calls, no more than so many at once.
///
/// Dropping it closes it, as [`close`](Self::close) does: the drop returns when the queued calls have ended and the workers are
/// gone. That blocks, also while a panic unwinds or inside async code; a pool in a `static` is never dropped.
///
/// Threads are started when they are first needed. A call may wait for another of the same pool, at any depth: it does not
/// count while it is blocked. A call that waits through `block_on(handle)` is not seen to be blocked: use
/// [`get`](AsyncValue::get).
///
/// # Examples
///
/// ```
/// use asynctools::{Pool, pooled};
///
/// static DISK: Pool = Pool::new(2);
///
/// #[pooled(pool = DISK)]
/// fn read(path: &std::path::Path) -> std::io::Result<String> {
///     std::fs::read_to_string(path)
/// }
///
/// let closure = DISK.spawn(|| 1 + 1);
/// assert_eq!(closure.get(), 2);
/// assert!(read(std::path::Path::new("/no/such/file")).get().is_err());
/// ```
pub struct Pool {
    pub(crate) workers: usize,
    pub(crate) how: Option<Config>,
    /// Started with the first use, so that a pool can be a `const fn` in a `static`.
    pub(crate) inner: OnceLock<Arc<Inner>>,
}

/// How long the default pool keeps a worker with nothing to do.
const GLOBAL_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a finished thread of `#[parallel]` waits for the next call.
const PARALLEL_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

static SPAWN: Function = Function::method("spawn");
static MAP: Function = Function::method("map");
static PARALLEL: Function = Function::method("parallel");

pub(crate) static GLOBAL: LazyLock<Pool> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let how = Config { idle_timeout: Some(GLOBAL_IDLE_TIMEOUT), ..Config::named("asynctools") };
    Pool { workers: 32.min(cores + 4), how: Some(how), inner: OnceLock::new() }
});

/// Where `#[parallel]` runs: as many workers as there are calls.
static THREADS: LazyLock<Pool> = LazyLock::new(|| {
    let how =
        Config { idle_timeout: Some(PARALLEL_IDLE_TIMEOUT), dedicated_threads: true, ..Config::named("parallel") };
    Pool { workers: usize::MAX, how: Some(how), inner: OnceLock::new() }
});

/// The pool of `#[parallel]`.
#[must_use]
pub fn threads() -> &'static Pool {
    &THREADS
}

/// Runs `f` at once, on a thread that does nothing else meanwhile: [`#[parallel]`](macro@crate::parallel) for a closure.
///
/// # Examples
///
/// ```
/// let sum = asynctools::parallel(|| 1 + 1);
/// assert_eq!(sum.get(), 2);
/// ```
#[track_caller]
pub fn parallel<T, F>(f: F) -> AsyncValue<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let site = CallSite::new(&PARALLEL, Location::caller());
    THREADS.start((), |()| f(), site)
}

impl Pool {
    /// A pool of so many workers. 0 is a paused pool: calls wait until [`set_workers`](Self::set_workers) gives it some.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// static POOL: Pool = Pool::new(5);
    /// assert_eq!(POOL.workers(), 5);
    /// ```
    #[must_use]
    pub const fn new(workers: usize) -> Self {
        Self { workers, how: None, inner: OnceLock::new() }
    }

    /// The pool of the whole process, where `#[pooled]` runs: `min(32, cores + 4)` workers, which release after ten idle
    /// seconds.
    ///
    /// When `main` returns, the process ends, and with it what still runs; `Pool::global().close_timeout(..)` waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// assert_eq!(Pool::global().spawn(|| 5).get(), 5);
    /// ```
    #[must_use]
    pub fn global() -> &'static Self {
        &GLOBAL
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        self.inner.get_or_init(|| {
            let how = self.how.clone().unwrap_or_else(|| Config::named("pool"));
            Inner::new(how, self.workers, blocking::main)
        })
    }

    /// Queues a call that has all its values.
    pub(crate) fn start<V, G, R>(&self, values: V, body: G, site: CallSite) -> AsyncValue<R>
    where
        V: Send + 'static,
        G: FnOnce(V) -> R + Send + 'static,
        R: Send + 'static,
    {
        let inner = self.inner();
        let node = Node::queued(ReadyWork { values, body }, inner.id(), site);
        inner.submit(node.clone(), &*node);
        AsyncValue::of(node)
    }

    /// Runs `f` on the pool. asynckit's `pool.do`.
    ///
    /// Blocks only where a bounded queue is full and the pool was built to block. On a closed pool the handle ends at once as
    /// [`TaskError::Closed`](crate::TaskError::Closed).
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// let (a, b) = (pool.spawn(|| 1), pool.spawn(|| 2));
    /// assert_eq!(a.get() + b.get(), 3);
    /// ```
    #[track_caller]
    pub fn spawn<T, F>(&self, f: F) -> AsyncValue<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        self.start((), |()| f(), CallSite::new(&SPAWN, Location::caller()))
    }

    /// Runs `f` on the pool for each item. Blocks where [`spawn`](Self::spawn) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// assert_eq!(pool.map(["a", "bc"], str::len).get(), [1, 2]);
    /// ```
    #[track_caller]
    pub fn map<I, T, F>(&self, items: I, f: F) -> AsyncList<T>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        T: Send + 'static,
        F: Fn(I::Item) -> T + Send + Sync + 'static,
    {
        let site = CallSite::new(&MAP, Location::caller());
        let f = Arc::new(f);
        let call = |item| {
            let f = f.clone();
            self.start(item, move |item| f(item), site)
        };
        items.into_iter().map(call).collect()
    }

    /// How many calls may run at once: the target, not the threads there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// pool.set_workers(3);
    /// assert_eq!(pool.workers(), 3);
    /// ```
    #[must_use]
    pub fn workers(&self) -> usize {
        self.inner().target()
    }

    /// Lets `workers` calls run at once from now on. Without effect on a closed pool.
    ///
    /// Running calls are not interrupted. 0 pauses: no call that is submitted after it returns starts, until there are workers
    /// again; but a call that runs already may itself run what it makes and waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let waits = pool.spawn(|| 5);
    /// assert!(!waits.is_finished());
    /// pool.set_workers(1);
    /// assert_eq!(waits.get(), 5);
    /// ```
    pub fn set_workers(&self, workers: usize) {
        self.inner().set_target(workers);
    }

    /// Takes no more calls but those that its own calls make, runs what is queued, and returns when the workers are gone. A
    /// paused pool ends its queued calls as [`TaskError::Closed`](crate::TaskError::Closed).
    ///
    /// In a call of the same pool it only marks the pool, and returns at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, TaskError};
    ///
    /// let pool = Pool::new(1);
    /// let queued = pool.spawn(|| 5);
    /// pool.close();
    /// assert_eq!(queued.try_get().unwrap(), 5);
    /// assert!(matches!(pool.spawn(|| 6).outcome(), Err(TaskError::Closed)));
    /// ```
    pub fn close(&self) {
        self.inner().close(None);
    }

    /// As [`close`](Self::close), waiting no longer than `timeout`: whether the workers are gone. `false` in a call of the same
    /// pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{AsyncValue, Pool};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::new(1);
    /// let (promise, value) = AsyncValue::promise();
    /// pool.spawn(move || value.get()).detach();
    /// assert!(!pool.close_timeout(Duration::from_millis(1)));
    /// promise.set(());
    /// assert!(pool.close_timeout(Duration::MAX));
    /// ```
    pub fn close_timeout(&self, timeout: Duration) -> bool {
        self.inner().close(deadline(timeout))
    }

    /// Cancels the calls that stand in the queue now: how many. Those that wait for arguments do not stand there.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let list = pool.map(0..3, |n| n);
    /// assert_eq!(pool.cancel_queued(), 3);
    /// assert!(list.is_error());
    /// ```
    pub fn cancel_queued(&self) -> usize {
        self.inner().cancel_queued()
    }

    /// Whether [`close`](Self::close) was called.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(2);
    /// assert!(!pool.is_closed());
    /// pool.close();
    /// assert!(pool.is_closed());
    /// ```
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.inner().is_closed()
    }

    /// What the pool is doing. Cheap, and exact while nothing changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::new(0);
    /// let waits = pool.spawn(|| 5);
    /// assert_eq!(pool.stats().queued, 1);
    /// # waits.detach();
    /// ```
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.inner().stats()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.get() {
            inner.close(None);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pool = f.debug_struct("Pool");
        match self.inner.get() {
            Some(inner) => pool.field("name", &inner.config().name).field("stats", &inner.stats()).finish(),
            None => pool.field("workers", &self.workers).finish_non_exhaustive(),
        }
    }
}

/// Another name of a pool, for an expansion whose pool is a field of what moves into the call.
#[derive(Debug)]
pub struct Alias(Pool);

/// Another name of `pool`.
#[must_use]
pub fn alias(pool: &Pool) -> Alias {
    Alias(Pool { workers: pool.workers, how: None, inner: OnceLock::from(pool.inner().clone()) })
}

impl Deref for Alias {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.0
    }
}

impl Drop for Alias {
    fn drop(&mut self) {
        // Not the owner: a pool without its inside has nothing to close.
        self.0.inner = OnceLock::new();
    }
}

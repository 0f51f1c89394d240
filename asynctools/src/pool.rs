//! `Pool`: workers that run calls, and the ways to operate them; `parallel`, and the pool that its threads belong to.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use crate::arguments::bounds::CannotFail;
use crate::arguments::bounds::Kind;
use crate::arguments::work::ReadyWork;
use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::graph::lineage;
use crate::graph::node::Node;
use crate::graph::registry;
use crate::graph::wait::deadline;
use crate::handles::list::AsyncList;
use crate::handles::value::AsyncValue;
use crate::sync::OnceLock;
use crate::tag::Tag;
use crate::workers::blocking;
use crate::workers::config::Config;
use crate::workers::config::PoolStats;
use crate::workers::config::ZERO_BYTE;
use crate::workers::config::has_zero_byte;
use crate::workers::inner::Inner;

/// Runs calls, at most `workers` of them at once.
///
/// Dropping a pool closes it, as [`close`](Self::close) does: the drop blocks until the queued calls have ended and the
/// workers are gone, also while a panic unwinds and inside async code. A pool in a `static` is never dropped.
///
/// The pool starts a thread when a call first needs one. A call may wait for another call of the same pool, at any
/// depth, because a blocked call does not count. The pool does not see a call that waits through `block_on(handle)`:
/// use [`get`](AsyncValue::get).
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
#[doc(alias = "ThreadPool")]
pub struct Pool {
    workers: usize,
    setup: Setup,
    /// Made at the first use, so that `new` can be a `const fn`.
    inner: OnceLock<Arc<Inner>>,
}

/// How a pool was made.
enum Setup {
    /// With the default values, which a `const fn` cannot make.
    Named(&'static str),
    Built(Config),
}

/// How long the default pool keeps a worker with nothing to do.
const GLOBAL_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a finished thread of `#[parallel]` waits for the next call.
const PARALLEL_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

static SPAWN: Function = Function::method("spawn");
pub(crate) static MAP: Function = Function::method("map");
static PARALLEL: Function = Function::method("parallel");

static GLOBAL: LazyLock<Pool> = LazyLock::new(|| {
    let config = Config { idle_timeout: Some(GLOBAL_IDLE_TIMEOUT), ..Config::named("asynctools") };
    Pool::with(default_workers(), config)
});

/// The pool of `#[parallel]`: no call ever finds fewer workers than calls.
static THREADS: LazyLock<Pool> = LazyLock::new(|| {
    let config =
        Config { idle_timeout: Some(PARALLEL_IDLE_TIMEOUT), dedicated_threads: true, ..Config::named("parallel") };
    Pool::with(usize::MAX, config)
});

/// Returns the number of workers of a pool for which the program chose none.
pub(crate) fn default_workers() -> usize {
    static WORKERS: LazyLock<usize> =
        LazyLock::new(|| 32.min(thread::available_parallelism().map_or(1, usize::from) + 4));
    *WORKERS
}

/// Returns the pool of `#[parallel]`.
#[must_use]
pub(crate) fn threads() -> &'static Pool {
    &THREADS
}

/// Runs `f` at once, on a thread of its own: [`#[parallel]`](macro@crate::parallel) for a closure.
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
    PoolRef::from(threads()).start(PhantomData::<CannotFail>, (), |()| f(), CallSite::here(&PARALLEL))
}

impl Pool {
    /// Makes a pool that runs at most `workers` calls at once. With 0 the pool is paused: calls wait until
    /// [`set_workers`](Self::set_workers) sets another number.
    ///
    /// A pool belongs into a `static` or a variable. Each use of a `const` would be a pool of its own, whose drop at the end
    /// of the statement blocks until the call has ended.
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
        Self::named("pool", workers)
    }

    /// Makes a pool as [`new`](Self::new) does, whose threads are named `name-1`, `name-2` and so on.
    ///
    /// # Panics
    ///
    /// If the name contains a zero byte, as the name of a thread cannot. In a `static` that is a compile error.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// static DISK: Pool = Pool::named("disk", 2);
    ///
    /// let name = DISK.spawn(|| std::thread::current().name().map(String::from));
    /// assert_eq!(name.get().as_deref(), Some("disk-1"));
    /// ```
    #[must_use]
    pub const fn named(name: &'static str, workers: usize) -> Self {
        assert!(!has_zero_byte(name), "{}", ZERO_BYTE);
        Self { workers, setup: Setup::Named(name), inner: OnceLock::new() }
    }

    pub(crate) const fn with(workers: usize, config: Config) -> Self {
        Self { workers, setup: Setup::Built(config), inner: OnceLock::new() }
    }

    /// Returns the pool of the whole process, where `#[pooled]` runs. The pool has `min(32, cores + 4)` workers, and a
    /// worker leaves after ten idle seconds.
    ///
    /// When `main` returns, the process ends, and so do the calls that still run; `Pool::global().close_timeout(..)`
    /// waits for them.
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

    #[inline]
    pub(crate) fn inner(&self) -> &Arc<Inner> {
        self.inner.get_or_init(|| {
            registry::set_default(|| PoolRef::from(Self::global()).0.clone());
            let config = match &self.setup {
                Setup::Named(name) => Config::named(name),
                Setup::Built(config) => config.clone(),
            };
            Inner::new(config, self.workers, blocking::main)
        })
    }

    /// Runs `f` on the pool, as asynckit's `pool.do` does.
    ///
    /// Blocks only if the queue is bounded and full, and the pool was built to block. On a closed pool the handle ends
    /// at once as [`TaskError::Closed`](crate::TaskError::Closed).
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
    #[doc(alias = "spawn_blocking")]
    #[track_caller]
    #[inline]
    pub fn spawn<T, F>(&self, f: F) -> AsyncValue<T>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        PoolRef::from(self).start(PhantomData::<CannotFail>, (), |()| f(), CallSite::here(&SPAWN))
    }

    /// Runs `f` on the pool for each item, and returns a list of the calls. Blocks where [`spawn`](Self::spawn) does.
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
        let site = CallSite::here(&MAP);
        let f = Arc::new(f);
        let call = |item| {
            let f = f.clone();
            PoolRef::from(self).start(PhantomData::<CannotFail>, item, move |item| f(item), site)
        };
        items.into_iter().map(call).collect()
    }

    /// Returns how many calls may run at once: the number that was set, and not the number of threads.
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

    /// Sets how many calls may run at once from now on. Has no effect on a closed pool.
    ///
    /// Running calls go on. 0 pauses the pool: a call that is submitted after `set_workers` has returned does not start
    /// until the number is set again. A call that already runs may still run, on its own thread, the calls that it
    /// waits for. A caller whose call finds the queue full still runs it where
    /// [`OnFull::RunHere`](crate::OnFull::RunHere) says so.
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

    /// Closes the pool to new calls, runs the queued ones, and blocks until the workers are gone. The pool still takes
    /// the calls that its own calls make. A paused pool ends its queued calls as
    /// [`TaskError::Closed`](crate::TaskError::Closed); a call that still waits for an argument ends so too.
    ///
    /// In a call of the same pool, `close` marks the pool as closed and returns at once.
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

    /// Closes the pool as [`close`](Self::close) does, blocks for at most `timeout`, and returns whether the workers
    /// are gone. If the time is over, asks the running calls to stop ([`stop_requested`](crate::stop_requested)); those in the
    /// queue still run, unless [`cancel_queued`](Self::cancel_queued) or [`request_stop`](Self::request_stop) drops them.
    /// Returns `false` at once in a call of the same pool. If the pool is paused, ends the calls in the queue first, and
    /// drops what these hold, which may take longer than `timeout`.
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

    /// Cancels the calls that are in the queue now, and returns how many those were. A call that waits for arguments is
    /// not in the queue.
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

    /// Cancels the calls that are in the queue now, and asks the running calls to stop: [`stop_requested`](crate::stop_requested)
    /// is `true` in those. Does not block. A call that waits for arguments, and a call that is made later, goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{Pool, stop_requested};
    /// use std::thread;
    ///
    /// let pool = Pool::new(1);
    /// # let (begins, begun) = std::sync::mpsc::channel();
    /// let looks = pool.spawn(move || {
    /// #   begins.send(()).unwrap();
    ///     while !stop_requested() { thread::yield_now() }
    /// });
    /// # begun.recv().unwrap();
    /// let queued = pool.spawn(|| 5);
    /// pool.request_stop();
    /// looks.get();
    /// assert!(queued.is_error());
    /// ```
    pub fn request_stop(&self) {
        self.inner().request_stop();
    }

    /// Returns whether the pool was closed.
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

    /// Counts what the pool is doing. The counts are exact while nothing changes.
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
        let Some(inner) = self.inner.get() else { return };
        if lineage::is_in_call() {
            inner.mark_closed();
        } else {
            inner.close(None);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pool = f.debug_struct("Pool");
        match self.inner.get() {
            Some(inner) => pool.field("name", &inner.config.name).field("stats", &inner.stats()).finish(),
            None => pool.field("workers", &self.workers).finish_non_exhaustive(),
        }
    }
}

/// The inside of a pool, as [`CallBuilder`](crate::call::CallBuilder) borrows it.
#[derive(Clone, Copy)]
pub struct PoolRef<'p>(pub(crate) &'p Arc<Inner>);

/// The inside of a pool that is a field of a `self` which moves into the call.
pub struct PoolInside(Arc<Inner>);

/// Returns the inside of `pool`, for an expansion whose `self` moves.
#[must_use]
pub fn pool_of(pool: &Pool) -> PoolInside {
    PoolInside(pool.inner().clone())
}

impl<'p> From<&'p Pool> for PoolRef<'p> {
    #[inline]
    fn from(pool: &'p Pool) -> Self {
        Self(pool.inner())
    }
}

impl<'p> From<&'p PoolInside> for PoolRef<'p> {
    fn from(inside: &'p PoolInside) -> Self {
        Self(&inside.0)
    }
}

impl PoolRef<'_> {
    /// Queues a call with all values.
    #[inline]
    pub(crate) fn start<K, V, G, R>(self, _kind: PhantomData<K>, values: V, body: G, site: CallSite) -> AsyncValue<R>
    where
        K: Kind<R>,
        V: Send + 'static,
        G: FnOnce(V) -> R + Send + 'static,
        R: Send + 'static,
    {
        let tag = Tag::new(site, &self.0.home, true, &|_| {});
        let node = Node::queued(ReadyWork::<K, _, _>::new(values, body), self.0.id, site, tag);
        self.0.submit(&|| node.clone());
        AsyncValue::of(node)
    }
}

impl fmt::Debug for PoolRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolRef").field("name", &self.0.config.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for PoolInside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PoolRef::from(self).fmt(f)
    }
}

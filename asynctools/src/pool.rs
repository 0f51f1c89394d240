//! `Pool`: workers that run calls, and the ways to operate them.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use crate::crew::Crew;
use crate::error::BuildError;
use crate::limits::How;
use crate::limits::OnFull;
use crate::limits::PoolStats;
use crate::list::AsyncList;
use crate::node::Node;
use crate::node::deadline;
use crate::site::CallSite;
use crate::site::Function;
use crate::sync::OnceLock;
use crate::task::Plain;
use crate::value::AsyncValue;
use crate::worker;

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
    pub(crate) how: Option<How>,
    /// Started with the first use, so that a pool can be a `const fn` in a `static`.
    pub(crate) crew: OnceLock<Arc<Crew>>,
}

/// What the standard library gives a thread.
const STACK_SIZE: usize = 2 * 1024 * 1024;
/// How long the default pool keeps a worker with nothing to do.
const GLOBAL_IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a finished thread of `#[parallel]` waits for the next call.
const PARALLEL_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// The stack of a thread whose size nobody chose: `RUST_MIN_STACK` as for any thread of a program.
fn default_stack_size() -> usize {
    static SIZE: LazyLock<usize> = LazyLock::new(|| {
        let chosen = std::env::var("RUST_MIN_STACK").ok();
        chosen.and_then(|size| size.parse().ok()).unwrap_or(STACK_SIZE)
    });
    *SIZE
}

pub(crate) fn named(name: &str) -> How {
    How { name: name.to_owned(), stack_size: default_stack_size(), idle_timeout: None, bound: None, own_threads: false }
}

static SPAWN: Function = Function::method("spawn");
static MAP: Function = Function::method("map");
static PARALLEL: Function = Function::method("parallel");

static GLOBAL: LazyLock<Pool> = LazyLock::new(|| {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let how = How { idle_timeout: Some(GLOBAL_IDLE_TIMEOUT), ..named("asynctools") };
    Pool { workers: 32.min(cores + 4), how: Some(how), crew: OnceLock::new() }
});

/// Where `#[parallel]` runs: as many workers as there are calls.
static THREADS: LazyLock<Pool> = LazyLock::new(|| {
    let how = How { idle_timeout: Some(PARALLEL_IDLE_TIMEOUT), own_threads: true, ..named("parallel") };
    Pool { workers: usize::MAX, how: Some(how), crew: OnceLock::new() }
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
        Self { workers, how: None, crew: OnceLock::new() }
    }

    /// A pool with more to say about it.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{OnFull, Pool};
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder()
    ///     .workers(2)
    ///     .queue(100)
    ///     .on_full(OnFull::RunHere)
    ///     .name("db")
    ///     .stack_size(512 * 1024)
    ///     .idle_timeout(Duration::from_secs(5))
    ///     .build()?;
    /// let name = pool.spawn(|| std::thread::current().name().map(String::from)).get();
    /// assert_eq!(name.as_deref(), Some("db-1"));
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn builder() -> PoolBuilder {
        PoolBuilder { workers: None, queue: None, on_full: None, how: named("pool") }
    }

    /// The pool of the whole process, where `#[pooled]` runs: `min(32, cores + 4)` workers, which leave after ten idle
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

    pub(crate) fn crew(&self) -> &Arc<Crew> {
        self.crew.get_or_init(|| {
            let how = self.how.clone().unwrap_or_else(|| named("pool"));
            Crew::new(how, self.workers, worker::main)
        })
    }

    /// Queues a call that has all its values.
    pub(crate) fn start<V, G, R>(&self, values: V, body: G, site: CallSite) -> AsyncValue<R>
    where
        V: Send + 'static,
        G: FnOnce(V) -> R + Send + 'static,
        R: Send + 'static,
    {
        let crew = self.crew();
        let node = Node::queued(Plain { values, body }, crew.id(), site);
        crew.submit(node.clone(), &*node);
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
        self.crew().target()
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
        self.crew().set_target(workers);
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
        self.crew().close(None);
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
        self.crew().close(deadline(timeout))
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
        self.crew().cancel_queued()
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
        self.crew().is_closed()
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
        self.crew().stats()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(crew) = self.crew.get() {
            crew.close(None);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pool = f.debug_struct("Pool");
        match self.crew.get() {
            Some(crew) => pool.field("name", &crew.how().name).field("stats", &crew.stats()).finish(),
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
    Alias(Pool { workers: pool.workers, how: None, crew: OnceLock::from(pool.crew().clone()) })
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
        self.0.crew = OnceLock::new();
    }
}

/// Builds a [`Pool`], made by [`Pool::builder`].
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
///
/// let error = Pool::builder().workers(2).stack_size(0).build().unwrap_err();
/// assert_eq!(error.field(), "stack_size");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `.build()`"]
pub struct PoolBuilder {
    workers: Option<usize>,
    queue: Option<usize>,
    on_full: Option<OnFull>,
    how: How,
}

impl PoolBuilder {
    /// How many calls may run at once; as many as of [`Pool::global`] when it is not said. 0 is a paused pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// assert_eq!(Pool::builder().workers(3).build()?.workers(), 3);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many calls may wait for their turn; any number when it is not said. Calls that wait for arguments do not count,
    /// nor those that the pool's own calls make.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::builder().workers(2).queue(100).build()?;
    /// assert_eq!(pool.map(0..1000, |n| n).get().len(), 1000);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = Some(queue);
        self
    }

    /// What happens to one call more than the queue has room for.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{OnFull, Pool};
    ///
    /// let pool = Pool::builder().workers(1).queue(1).on_full(OnFull::RunHere).build()?;
    /// assert_eq!(pool.map(0..100, |n| n).get().len(), 100);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = Some(on_full);
        self
    }

    /// The threads are named `name-1`, `name-2` and so on.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::builder().workers(1).name("disk").build()?;
    /// let name = pool.spawn(|| std::thread::current().name().map(String::from));
    /// assert_eq!(name.get().as_deref(), Some("disk-1"));
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.how.name = name.into();
        self
    }

    /// The stack of each thread in bytes; 2 MiB, or `RUST_MIN_STACK`, when it is not said.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::builder().workers(1).stack_size(16 * 1024 * 1024).build()?;
    /// assert_eq!(pool.spawn(|| [1_u8; 4 * 1024 * 1024].iter().filter(|byte| **byte == 1).count()).get(), 4 * 1024 * 1024);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.how.stack_size = bytes;
        self
    }

    /// How long a worker with nothing to do stays; for ever when it is not said.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder().workers(1).idle_timeout(Duration::from_secs(10)).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.how.idle_timeout = Some(timeout);
        self
    }

    /// The pool. No thread is started yet.
    ///
    /// # Errors
    ///
    /// A queue of 0, `on_full` without a queue, a stack of 0, a name with a zero byte: what could never work.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{OnFull, Pool};
    ///
    /// assert!(Pool::builder().workers(2).build().is_ok());
    /// let error = Pool::builder().workers(2).on_full(OnFull::Reject).build().unwrap_err();
    /// assert_eq!(error.to_string(), "`on_full`: needs a limit that can be full; add `queue`");
    /// ```
    pub fn build(self) -> Result<Pool, BuildError> {
        if self.queue == Some(0) {
            return Err(BuildError::new("queue", "no call could ever wait; give at least 1, or no limit at all"));
        }
        if self.on_full.is_some() && self.queue.is_none() {
            return Err(BuildError::new("on_full", "needs a limit that can be full; add `queue`"));
        }
        if self.how.stack_size == 0 {
            return Err(BuildError::new("stack_size", "a thread needs a stack; leave it out for 2 MiB"));
        }
        if self.how.name.contains('\0') {
            return Err(BuildError::new("name", "the name of a thread cannot contain a zero byte"));
        }
        let bound = self.queue.map(|queue| (queue, self.on_full.unwrap_or_default()));
        let workers = self.workers.unwrap_or(GLOBAL.workers);
        Ok(Pool { workers, how: Some(How { bound, ..self.how }), crew: OnceLock::new() })
    }
}

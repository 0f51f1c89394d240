//! `PoolBuilder`: configures a pool, and refuses what can never work.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::pool::Pool;
use crate::pool::default_workers;
#[cfg(feature = "hooks")]
use crate::tag::Around;
#[cfg(feature = "hooks")]
use crate::tag::around::CallInfo;
#[cfg(feature = "hooks")]
use crate::tag::around::Run;
use crate::workers::config::Config;
use crate::workers::config::OnFull;
use crate::workers::config::ThreadHook;
use crate::workers::config::ZERO_BYTE;
use crate::workers::config::has_zero_byte;

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
    config: Config,
    /// Two arounds are no mix of both.
    #[cfg(feature = "hooks")]
    has_two_arounds: bool,
}

impl Pool {
    /// Configures a pool: workers, queue bound, name, stack size, idle timeout.
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
        PoolBuilder {
            workers: None,
            queue: None,
            on_full: None,
            config: Config::named("pool"),
            #[cfg(feature = "hooks")]
            has_two_arounds: false,
        }
    }
}

impl PoolBuilder {
    /// Sets how many calls may run at once; 0 makes a paused pool. Default: as for [`Pool::global`].
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

    /// Sets how many calls may wait in the queue. Default: no bound. A call that waits for arguments does not count,
    /// and neither does a call that the pool's own calls make.
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

    /// Sets what happens to a call that finds the queue full. Default: [`OnFull::Block`].
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

    /// Names the threads `name-1`, `name-2` and so on. Default: `pool`.
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
        self.config.name = name.into();
        self
    }

    /// Sets the stack size of each thread, in bytes. Default: `RUST_MIN_STACK` if that is set, else 2 MiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// let pool = Pool::builder().workers(1).stack_size(16 * 1024 * 1024).build()?;
    /// const SIZE: usize = 4 * 1024 * 1024;
    /// let ones = pool.spawn(|| [1_u8; SIZE].iter().filter(|byte| **byte == 1).count());
    /// assert_eq!(ones.get(), SIZE);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.config.stack_size = bytes;
        self
    }

    /// Sets how many permits of blocked calls the pool lends to calls that no blocked call needs. Default: as many as there are
    /// workers.
    ///
    /// A call that waits for another, for room in a queue, or for the end of a pool is blocked, and another call of the queue
    /// may begin in its stead. So at most `workers + n` calls have begun and not ended, besides those that blocked calls need,
    /// which always begin. The pool starts more threads only where a wait would go on for ever otherwise.
    ///
    /// A larger limit pays where a small pool waits for a large one. Often there is a better way: a call that takes the handle
    /// as an argument (`page(fetch(url))`) waits nowhere, and keeps no thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// // Two pages are put together at once, while up to 16 others wait for what they fetch.
    /// let pages = Pool::builder().workers(2).max_blocked(16).build()?;
    /// let fetches = std::sync::Arc::new(Pool::new(16));
    /// let fetched = move |n: u32| fetches.spawn(move || n.to_string()).get();
    /// let lengths = pages.map(0..100, move |n| fetched(n).len());
    /// assert_eq!(lengths.get().iter().sum::<usize>(), 190);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn max_blocked(mut self, n: usize) -> Self {
        self.config.max_blocked = Some(n);
        self
    }

    /// Sets how long an idle worker keeps its thread. Default: without end.
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
        self.config.idle_timeout = Some(timeout);
        self
    }

    /// Sets what each thread of the pool does before its first call, spares included: sets a priority, or joins a
    /// profiler. Default: nothing. The panic hook shows a panic of `f`, and the thread goes on.
    ///
    /// `f` does not wait for calls of the pool: the thread occupies the place of a worker meanwhile.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    /// use std::cell::Cell;
    ///
    /// thread_local!(static READY: Cell<bool> = const { Cell::new(false) });
    ///
    /// let pool = Pool::builder().workers(2).on_thread_start(|| READY.set(true)).build()?;
    /// assert!(pool.spawn(|| READY.get()).get());
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn on_thread_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.on_thread_start = ThreadHook::new(f);
        self
    }

    /// Sets what each thread of the pool does after its last call. Default: nothing. [`close`](Pool::close) waits for
    /// `f` too. The panic hook shows a panic of `f`, and nothing else changes.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// static GONE: AtomicUsize = AtomicUsize::new(0);
    ///
    /// let count = || drop(GONE.fetch_add(1, Ordering::Relaxed));
    /// let pool = Pool::builder().workers(1).on_thread_stop(count).build()?;
    /// assert_eq!(pool.spawn(|| 5).get(), 5);
    /// pool.close();
    /// assert_eq!(GONE.load(Ordering::Relaxed), 1);
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.config.on_thread_stop = ThreadHook::new(f);
        self
    }

    /// Runs code of the program around each call of the pool. `f` runs at the call, on the caller's thread, and looks at
    /// what belongs to the call there; the closure that `f` returns goes with the call, and runs around the body, on the
    /// thread that runs the body. So the context of a request, which a thread has, comes with the call to another
    /// thread. Default: nothing.
    ///
    /// | what happens | the call |
    /// | --- | --- |
    /// | the body panics | the panic unwinds through the closure, and the call ends as [`Panicked`] |
    /// | `f` or the closure panics | ends as [`Panicked`] |
    /// | the closure drops its [`Run`] unrun | ends as [`Rejected`] |
    /// | the call is lost before its start | the closure is dropped unrun |
    ///
    /// A call that its caller or a waiter runs goes through the closure too, inside of that of the waiter. The calls that `f`
    /// or the closure makes itself, outside of the body, go without.
    ///
    /// [`Panicked`]: crate::TaskError::Panicked
    /// [`Rejected`]: crate::TaskError::Rejected
    /// [`Run`]: crate::Run
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::{CallInfo, Pool, Run};
    /// use std::cell::RefCell;
    ///
    /// thread_local!(static USER: RefCell<String> = RefCell::default());
    ///
    /// let around = |_call: &CallInfo| {
    ///     let user = USER.with_borrow(String::clone);
    ///     move |run: Run<'_>| {
    ///         let before = USER.replace(user);
    ///         run.run();
    ///         USER.set(before);
    ///     }
    /// };
    /// let pool = Pool::builder().workers(1).around(around).build()?;
    /// USER.set("Ada".to_owned());
    /// assert_eq!(pool.spawn(|| USER.with_borrow(String::clone)).get(), "Ada");
    /// # Ok::<(), asynctools::BuildError>(())
    /// ```
    #[cfg(feature = "hooks")]
    pub fn around<F, G>(mut self, f: F) -> Self
    where
        F: Fn(&CallInfo) -> G + Send + Sync + 'static,
        G: FnOnce(Run<'_>) + Send + 'static,
    {
        self.has_two_arounds |= self.config.around.is_some();
        self.config.around = Around::new(f);
        self
    }

    /// Makes the pool, and starts no thread yet.
    ///
    /// # Errors
    ///
    /// If the configuration can never work: a queue of 0, `on_full` without a queue, a stack of 0, a name with a zero
    /// byte, two `around`s.
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
        if self.config.stack_size == 0 {
            return Err(BuildError::new("stack_size", "a thread needs a stack; leave it out for 2 MiB"));
        }
        if has_zero_byte(&self.config.name) {
            return Err(BuildError::new("name", ZERO_BYTE));
        }
        #[cfg(feature = "hooks")]
        if self.has_two_arounds {
            return Err(BuildError::new("around", "is set twice; nest one closure in the other"));
        }
        let bound = self.queue.map(|queue| (queue, self.on_full.unwrap_or_default()));
        Ok(Pool::with(self.workers.unwrap_or_else(default_workers), Config { bound, ..self.config }))
    }
}

/// Prints the name that the attributes give it: `block`, `run_here` or `reject`.
impl fmt::Display for OnFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Block => "block",
            Self::RunHere => "run_here",
            Self::Reject => "reject",
        })
    }
}

/// Reads the names that the attributes use, for a pool that a program configures from a file or the command line.
impl FromStr for OnFull {
    type Err = ParseOnFullError;

    fn from_str(name: &str) -> Result<Self, ParseOnFullError> {
        let all = [Self::Block, Self::RunHere, Self::Reject];
        let found = all.into_iter().find(|on_full| on_full.to_string() == name);
        found.ok_or_else(|| ParseOnFullError(name.to_owned()))
    }
}

/// The refusal of a name that is no [`OnFull`].
///
/// # Examples
///
/// ```
/// use asynctools::OnFull;
///
/// assert_eq!("run_here".parse(), Ok(OnFull::RunHere));
/// let error = "drop".parse::<OnFull>().unwrap_err();
/// let words = "unknown name `drop`; a full queue can `block`, `run_here` or `reject`";
/// assert_eq!(error.to_string(), words);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseOnFullError(String);

impl fmt::Display for ParseOnFullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown name `{}`; a full queue can `block`, `run_here` or `reject`", self.0)
    }
}

impl Error for ParseOnFullError {}

/// The refusal of [`PoolBuilder::build`](crate::PoolBuilder::build): names the field, and the reason.
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
///
/// let error = Pool::builder().workers(2).queue(0).build().unwrap_err();
/// assert_eq!(error.field(), "queue");
/// assert!(error.to_string().starts_with("`queue`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    field: &'static str,
    why: &'static str,
}

impl BuildError {
    fn new(field: &'static str, why: &'static str) -> Self {
        Self { field, why }
    }

    /// Returns the name of the builder's method whose value was refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    ///
    /// assert_eq!(Pool::builder().name("a\0b").build().unwrap_err().field(), "name");
    /// ```
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.why)
    }
}

impl Error for BuildError {}

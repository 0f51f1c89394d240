//! `PoolBuilder`: how a pool is configured.

use std::time::Duration;

use crate::error::BuildError;
use crate::pool::GLOBAL;
use crate::pool::Pool;
use crate::sync::OnceLock;
use crate::workers::config::Config;
use crate::workers::config::OnFull;

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
    how: Config,
}

impl Pool {
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
        PoolBuilder { workers: None, queue: None, on_full: None, how: Config::named("pool") }
    }
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
            return Err(BuildError::new("stack_size", "a thread needs a stack; release it out for 2 MiB"));
        }
        if self.how.name.contains('\0') {
            return Err(BuildError::new("name", "the name of a thread cannot contain a zero byte"));
        }
        let bound = self.queue.map(|queue| (queue, self.on_full.unwrap_or_default()));
        let workers = self.workers.unwrap_or(GLOBAL.workers);
        Ok(Pool { workers, how: Some(Config { bound, ..self.how }), inner: OnceLock::new() })
    }
}

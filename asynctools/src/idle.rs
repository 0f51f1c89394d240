//! Waits for detached work: until a pool, or the whole process, has nothing to do.

use std::sync::Arc;
use std::time::Duration;

use crate::graph::lineage;
use crate::graph::registry;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::graph::wait::deadline;
use crate::graph::wait::over;
use crate::pool::Pool;
use crate::sync::Instant;
use crate::workers::idle::WAITS_FOR_ITSELF;

impl Pool {
    /// Blocks until, at one moment, no call of the pool is queued, running or blocked in a wait. The pool stays open.
    ///
    /// Calls that wait for arguments do not count. A queued call of a paused pool counts, so the wait lasts until the pool has
    /// workers again. In a call of another pool, the wait gives up the worker's place, as [`get`](crate::AsyncValue::get) does.
    ///
    /// # Panics
    ///
    /// In a call of the same pool, and in a call that a call of the pool waits for: the wait would wait for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// static SENT: AtomicUsize = AtomicUsize::new(0);
    ///
    /// let pool = Pool::new(2);
    /// for _ in 0..3 {
    ///     pool.spawn(|| SENT.fetch_add(1, Ordering::Relaxed)).detach();
    /// }
    /// pool.wait_idle();
    /// assert_eq!(SENT.load(Ordering::Relaxed), 3);
    /// ```
    #[track_caller]
    pub fn wait_idle(&self) {
        self.wait_until_idle(None);
    }

    /// Blocks as [`wait_idle`](Self::wait_idle) does, for at most `timeout`, and returns whether the pool was idle.
    ///
    /// # Panics
    ///
    /// As [`wait_idle`](Self::wait_idle).
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::new(0);
    /// pool.spawn(|| "waits for a worker").detach();
    /// assert!(!pool.wait_idle_timeout(Duration::ZERO));
    /// pool.set_workers(1);
    /// assert!(pool.wait_idle_timeout(Duration::MAX));
    /// ```
    #[track_caller]
    pub fn wait_idle_timeout(&self, timeout: Duration) -> bool {
        self.wait_until_idle(deadline(timeout))
    }

    #[track_caller]
    fn wait_until_idle(&self, deadline: Option<Instant>) -> bool {
        let inner = self.inner();
        assert!(!inner.is_waited_for(), "{WAITS_FOR_ITSELF}");
        let is_idle = inner.wait_until_idle(deadline);
        over();
        is_idle
    }
}

/// Blocks until, at one moment, no call of the process is queued, running or blocked.
///
/// Calls of all pools count, and those of [`#[parallel]`](macro@crate::parallel).
///
/// A call that waits for an argument counts as soon as a call that it needs counts, so the wait never ends between two calls
/// of a dataflow. A call that waits for a [`Promise`](crate::Promise) alone does not count.
///
/// This is what `main` says last, if the program has detached calls: when `main` returns, the process ends, and its calls do
/// too.
///
/// # Panics
///
/// In a call: the wait would wait for itself.
///
/// # Examples
///
/// ```
/// use asynctools::{parallel, pooled};
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// static SAVED: AtomicBool = AtomicBool::new(false);
///
/// #[pooled]
/// fn save(text: String) {
///     SAVED.store(text == "text", Ordering::Relaxed);
/// }
///
/// save(parallel(|| "text".to_owned())).detach();
/// asynctools::wait_idle();
/// assert!(SAVED.load(Ordering::Relaxed));
/// ```
#[track_caller]
pub fn wait_idle() {
    wait_until_idle(None);
}

/// Blocks as [`wait_idle`] does, for at most `timeout`.
///
/// Returns whether all pools were idle.
///
/// # Panics
///
/// In a call, as [`wait_idle`].
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, parallel};
/// use std::time::Duration;
///
/// let (promise, value) = AsyncValue::promise();
/// parallel(move || value.get()).detach();
/// assert!(!asynctools::wait_idle_timeout(Duration::from_millis(1)));
/// promise.set(());
/// assert!(asynctools::wait_idle_timeout(Duration::MAX));
/// ```
#[track_caller]
#[expect(clippy::must_use_candidate, reason = "a caller may only want to wait for a while")]
pub fn wait_idle_timeout(timeout: Duration) -> bool {
    wait_until_idle(deadline(timeout))
}

#[track_caller]
fn wait_until_idle(deadline: Option<Instant>) -> bool {
    let is_in_call = lineage::is_in_call() || lineage::guest_of() != PoolId::NONE;
    assert!(!is_in_call, "`wait_idle` in a call waits for that call itself: call it at the end of `main`");
    let mut before = None;
    let are_idle = loop {
        match look() {
            // Pools that were idle at two looks, and started nothing in between, were all idle at the end of the first look.
            Ok(now) if before.as_ref() == Some(&now) => break true,
            Ok(now) => before = Some(now),
            Err(busy) if !busy.clone().wait_idle(deadline) => break false,
            Err(_) => before = None,
        }
    };
    over();
    are_idle
}

/// Returns how often each pool has begun to work, or a pool that is not idle.
fn look() -> Result<Vec<(PoolId, u64)>, Arc<dyn Scheduler>> {
    let found = registry::all().into_iter().map(|pool| match pool.idle_since() {
        Some(starts) => Ok((pool.id(), starts)),
        None => Err(pool),
    });
    found.collect()
}

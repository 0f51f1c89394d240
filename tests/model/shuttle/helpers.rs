//! Pools, gauges and counters of the models.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use asynctools_model::OnFull;
use asynctools_model::Pool;
use asynctools_model::TaskError;
use asynctools_model::pooled;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Lets the checker switch to another thread here.
pub(crate) fn pause() {
    shuttle::sync::atomic::AtomicUsize::new(0).load(Ordering::SeqCst);
}

/// Asserts that at most `most` calls are inside at a time.
pub(crate) struct Ceiling {
    most: usize,
    now: AtomicUsize,
}

impl Ceiling {
    pub(crate) fn of(most: usize) -> Arc<Self> {
        Arc::new(Self { most, now: AtomicUsize::new(0) })
    }

    pub(crate) fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(now <= self.most, "{now} at once");
        pause();
    }

    pub(crate) fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.enter();
        let result = f();
        self.leave();
        result
    }
}

/// Counts the drops of this value.
pub(crate) struct Counted(pub(crate) Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A pool with an annotated function, for dataflow.
#[derive(Clone)]
pub(crate) struct On(pub(crate) Arc<Pool>);

impl On {
    pub(crate) fn new(workers: usize) -> Self {
        Self(Arc::new(Pool::new(workers)))
    }

    #[pooled(pool = self.0, crate = asynctools_model)]
    pub(crate) fn add(&self, a: u32, b: u32) -> u32 {
        pause();
        a + b
    }
}

/// Makes a pool whose stack is too small for inline runs: spare workers run all that calls wait for.
pub(crate) fn with_spares(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(workers).stack_size(1024).build().expect("it is a pool"))
}

pub(crate) fn shared(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::new(workers))
}

/// Makes a pool of one worker with a queue for one call.
pub(crate) fn bounded(on_full: OnFull) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(1).queue(1).on_full(on_full).build().expect("it is a pool"))
}

/// Whether the call ended with `value`; the only other end allowed is `Closed`.
pub(crate) fn is_closed_or<T: PartialEq>(outcome: &Result<T, TaskError>, value: &T) -> bool {
    match outcome {
        Ok(other) => other == value,
        Err(error) => {
            assert!(matches!(error.root(), TaskError::Closed), "{error}");
            false
        }
    }
}

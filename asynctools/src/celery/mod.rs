//! Calls on a fleet of Celery workers: the client, the workers, and what [`#[celery]`](macro@crate::celery) expands to.

mod process;
mod ids;
mod expansion;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

pub use asynctools_celery::App;
pub use asynctools_celery::AppBuilder;
pub use asynctools_celery::Arguments;
pub use asynctools_celery::BadArguments;
pub use asynctools_celery::Bytes;
pub use asynctools_celery::Date;
pub use asynctools_celery::DateTime;
pub use asynctools_celery::Decimal;
pub use asynctools_celery::Failure;
pub use asynctools_celery::QueueCheck;
pub use asynctools_celery::RemoteError;
pub use asynctools_celery::RemoteErrorKind;
pub use asynctools_celery::Task;
pub use asynctools_celery::TaskOptions;
pub use asynctools_celery::Threads;
pub use asynctools_celery::Time;
pub use asynctools_celery::Uuid;
pub use asynctools_celery::Worker;
pub use asynctools_celery::WorkerError;

pub use crate::celery::ids::attach;
pub use crate::celery::process::app;
pub use crate::celery::process::use_app;
use crate::pool::Pool;

/// A pool as the threads of a worker. [`Pool::set_workers`] works while the worker runs.
///
/// # Examples
///
/// ```no_run
/// use asynctools::{Pool, celery};
/// use std::sync::Arc;
///
/// # #[asynctools::celery] fn thumb() {}
/// let pool = Arc::new(celery::OnPool(Pool::new(8)));
/// let worker = celery::worker().on(pool.clone()).task::<thumb>();
/// // Elsewhere, and later: `pool.0.set_workers(2)`.
/// worker.run()?;
/// # Ok::<(), celery::WorkerError>(())
/// ```
#[derive(Debug)]
pub struct OnPool(pub Pool);

/// Held while a pool gets a thread more or less: two at once would count as one.
static RESIZE: Mutex<()> = Mutex::new(());

impl Threads for OnPool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn(job).detach();
    }

    fn count(&self) -> usize {
        if self.0.is_closed() { 0 } else { self.0.workers() }
    }

    fn grow(&self) {
        let _alone = RESIZE.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.set_workers(self.0.workers() + 1);
    }

    fn shrink(&self) {
        let _alone = RESIZE.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.set_workers(self.0.workers().saturating_sub(1));
    }
}

/// Returns a worker with the threads of a default pool, without tasks.
///
/// # Examples
///
/// ```no_run
/// use asynctools::celery;
///
/// #[celery(queue = "numbers")]
/// fn double(n: u32) -> u32 {
///     2 * n
/// }
///
/// fn main() -> Result<(), celery::WorkerError> {
///     celery::worker().broker("redis://127.0.0.1:6379/0").task::<double>().run()
/// }
/// ```
pub fn worker() -> Worker {
    let on_pool = |threads| -> Arc<dyn Threads> { Arc::new(OnPool(Pool::new(threads))) };
    Worker::new(on_pool(Pool::global().workers()), on_pool)
}

/// Returns a client whose fleet is the default pool of this process: no broker, the same messages. It runs the functions that
/// `#[celery]` is on in the crates of this program. For tests.
///
/// # Examples
///
/// ```
/// use asynctools::celery;
///
/// #[celery]
/// fn double(n: u32) -> u32 {
///     2 * n
/// }
///
/// celery::use_app(celery::local()).unwrap();
/// assert_eq!(double(double(5)).get(), 20);
/// ```
#[must_use]
pub fn local() -> App {
    App::local(|job| Pool::global().spawn(job).detach())
}

/// The items that expansions name. Not for programs: they change without notice.
#[doc(hidden)]
pub mod __private {
    pub use asynctools_celery::__private::Codec;
    pub use asynctools_celery::__private::by_reference;
    pub use asynctools_celery::__private::by_value;
    pub use asynctools_celery::__private::bytes;
    pub use asynctools_celery::__private::inventory;
    pub use asynctools_celery::__private::list;
    pub use asynctools_celery::__private::result_with;
    pub use asynctools_celery::__private::take_with;
    pub use asynctools_celery::__private::text;
    pub use asynctools_celery::__private::value_with;
    pub use asynctools_celery::Answer;
    pub use asynctools_celery::CallOptions;
    pub use asynctools_celery::Entry;

    pub use crate::__celery_with as with;
    pub use crate::celery::expansion::Remote;
    pub use crate::celery::expansion::ViaFrom;
    pub use crate::celery::expansion::ViaLoss;
    pub use crate::celery::expansion::send;
}

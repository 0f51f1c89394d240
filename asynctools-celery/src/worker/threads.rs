//! `Threads`: what a worker wants of the threads for its calls.

/// The threads for the calls of a worker. `asynctools` makes these threads out of a `Pool`.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use std::thread;
///
/// use asynctools_celery::Threads;
///
/// /// A thread of its own for each job.
/// struct Fresh(AtomicUsize);
///
/// impl Threads for Fresh {
///     fn run(&self, job: Box<dyn FnOnce() + Send>) {
///         thread::spawn(job);
///     }
///
///     fn count(&self) -> usize {
///         self.0.load(Ordering::Relaxed)
///     }
///
///     fn grow(&self) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
///
///     fn shrink(&self) {
///         self.0.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
/// ```
pub trait Threads: Send + Sync + 'static {
    /// Runs a job on a thread. The worker has at most [`count`](Self::count) jobs at once.
    fn run(&self, job: Box<dyn FnOnce() + Send>);

    /// Returns how many jobs may run at once. It may change at any time.
    fn count(&self) -> usize;

    /// Adds a thread, in place of a thread busy with a given-up call.
    fn grow(&self);

    /// Takes an added thread away.
    fn shrink(&self);
}

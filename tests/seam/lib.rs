//! What the tests of the seam share.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use asynctools::AsyncValue;

/// What Prometheus reads of the metrics, before their series.
pub const METRICS: &str = "\
# HELP asynctools_call_arguments_seconds How long a call waited for its last argument.
# HELP asynctools_call_queue_seconds How long a call with all its arguments waited for a worker.
# HELP asynctools_call_run_seconds How long a call ran, waits inside the call included.
# HELP asynctools_calls_total Calls that have ended, by how they ended.
# HELP asynctools_pool_blocked Calls blocked in a wait for another call.
# HELP asynctools_pool_idle Threads within the target, without a call.
# HELP asynctools_pool_queued Calls in the queue.
# HELP asynctools_pool_running Running calls, without the blocked calls.
# HELP asynctools_pool_spares Threads over the target.
# HELP asynctools_pool_workers How many calls may run at once.
# TYPE asynctools_call_arguments_seconds summary
# TYPE asynctools_call_queue_seconds summary
# TYPE asynctools_call_run_seconds summary
# TYPE asynctools_calls_total counter
# TYPE asynctools_pool_blocked gauge
# TYPE asynctools_pool_idle gauge
# TYPE asynctools_pool_queued gauge
# TYPE asynctools_pool_running gauge
# TYPE asynctools_pool_spares gauge
# TYPE asynctools_pool_workers gauge";

/// A handle that is put here after the call was made.
pub type Place = Arc<Mutex<Option<AsyncValue<SeesEnd>>>>;

/// Says at its drop whether the call has ended: a `Drop` of the user's may wait for that.
#[derive(Debug)]
pub struct SeesEnd(pub Place, pub mpsc::Sender<bool>);

impl Drop for SeesEnd {
    fn drop(&mut self) {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_ended = place.as_ref().is_some_and(AsyncValue::is_finished);
        // Nobody may listen any more.
        let _ = self.1.send(has_ended);
    }
}

/// Longer than any test takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `test` on a thread of its own, and fails if the test hangs.
///
/// # Panics
///
/// If the test panics or hangs.
pub fn watched<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    let runner = thread::spawn(move || {
        let result = test();
        let _ = sender.send(());
        result
    });
    assert_ne!(receiver.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout), "the test hangs");
    runner.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

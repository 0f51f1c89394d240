//! What the tests of the seam share.

use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

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

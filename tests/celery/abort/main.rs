//! A worker in a program that its panics end: `celery-abort [allow]`, built with the profile `abort`.

use std::time::Duration;

use asynctools::celery;
use asynctools::celery::WorkerError;

/// Adds.
#[celery(queue = "abort", name = "abort.add")]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// Panics.
#[celery(queue = "abort", name = "abort.panics")]
fn panics() {
    panic!("no luck");
}

fn main() -> Result<(), WorkerError> {
    let allow = std::env::args().nth(1).is_some_and(|arg| arg == "allow");
    let worker = celery::worker().task::<add>().task::<panics>().allow_abort(allow).threads(1);
    worker.visibility_timeout(Duration::from_millis(300)).max_deliveries(1).run()
}

//! A worker for the pictures: `CELERY_BROKER_URL=redis://127.0.0.1:6379/0 cargo run -p fleet --example celery_worker`.
//!
//! SIGTERM lets it finish what runs, and gives the rest back.

use asynctools::celery;
use asynctools::celery::WorkerError;
use fleet::thumb;

fn main() -> Result<(), WorkerError> {
    celery::worker().queue("images").task::<thumb>().threads(4).run()
}

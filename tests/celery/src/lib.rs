//! What the test worker and the tests share: a bridge to handles and pools, and a small client of Redis for looking on.

pub mod redis;
pub mod tasks;

use std::sync::Arc;

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::RemoteError;
use asynctools_celery::Threads;
use serde::de::DeserializeOwned;

/// A pool as the threads of a worker.
#[derive(Debug)]
pub struct OnPool(pub Pool);

impl OnPool {
    /// Returns a pool of so many threads.
    #[must_use]
    pub fn of(threads: usize) -> Arc<Self> {
        Arc::new(Self(Pool::new(threads)))
    }
}

impl Threads for OnPool {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn(job).detach();
    }

    fn count(&self) -> usize {
        self.0.workers()
    }

    fn grow(&self) {
        self.0.set_workers(self.0.workers() + 1);
    }

    fn shrink(&self) {
        self.0.set_workers(self.0.workers() - 1);
    }
}

/// A handle to the answer of a call.
pub fn answer(app: &App, call: Call) -> AsyncValue<Answer> {
    let (promise, value) = AsyncValue::promise();
    app.send(call, |answer| {
        promise.set(answer);
    });
    value
}

/// A handle to the value of a call.
pub fn send<T: DeserializeOwned + Send + 'static>(app: &App, call: Call) -> AsyncValue<Result<T, RemoteError>> {
    answer(app, call).map(Answer::into_value)
}

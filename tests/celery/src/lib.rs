//! What the test worker and the tests share: tasks, handles to calls without the attribute, and a small client of Redis for looking on.

pub mod fleet;
pub mod redis;
pub mod tasks;

use asynctools::AsyncValue;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::RemoteError;
use serde::de::DeserializeOwned;

/// A handle to the answer of a call.
pub fn answer(app: &App, call: Call) -> AsyncValue<Answer> {
    handle(app, call, |answer| answer)
}

/// A handle to the value of a call.
pub fn send<T: DeserializeOwned + Send + 'static>(app: &App, call: Call) -> AsyncValue<Result<T, RemoteError>> {
    handle(app, call, Answer::into_value)
}

/// The thread that hears the answer reads it, as for a function with `#[celery]`.
fn handle<T: Send + 'static>(app: &App, call: Call, read: fn(Answer) -> T) -> AsyncValue<T> {
    let (promise, value) = AsyncValue::promise();
    app.send(call, move |answer| promise.set(read(answer)));
    value
}

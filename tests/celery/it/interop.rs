//! Rust and Python, each as client and as worker.

use std::time::Duration;

use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use celery_tests::answer;
use celery_tests::send;
use celery_tests::tasks::Add;
use celery_tests::tasks::Boom;
use celery_tests::tasks::Divide;
use celery_tests::tasks::DivideError;
use celery_tests::tasks::Echo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;

use crate::runner::Test;
use crate::runner::tests;
use crate::servers::PATIENCE;
use crate::servers::Redis;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: rust_to_rust, errors_of_rust;
    Python: rust_to_python, python_to_rust;
};

const PY: TaskOptions = TaskOptions { queue: "py", ..TaskOptions::DEFAULT };

/// Calls a task of Rust and waits for its value.
fn call<K: Task, T: DeserializeOwned + Send + 'static>(
    app: &App,
    args: impl Serialize + Send + 'static,
) -> Result<T, RemoteError> {
    get(app, Call::new(K::NAME, K::OPTIONS, args))
}

fn python<T: DeserializeOwned + Send + 'static>(
    app: &App,
    name: &'static str,
    args: impl Serialize + Send + 'static,
) -> Result<T, RemoteError> {
    get(app, Call::new(name, PY, args))
}

fn get<T: DeserializeOwned + Send + 'static>(app: &App, call: Call) -> Result<T, RemoteError> {
    send(app, call).get_timeout(PATIENCE).unwrap_or_else(|_| panic!("no result came"))
}

fn rust_to_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(2, &[]);
    let app = redis.app();
    assert_eq!(call::<Add, i64>(&app, (2, 3)), Ok(5));
    let unicode =
        json!({"text": "žluťoučký \u{1F40E} \"quoted\" \\", "list": [null, true, 1.5, -7], "map": {"b": 1, "a": 2}});
    assert_eq!(call::<Echo, Value>(&app, (unicode.clone(),)), Ok(unicode));
    let large = "x".repeat(1 << 20);
    assert_eq!(call::<Echo, String>(&app, (large.clone(),)), Ok(large));
}

fn errors_of_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let divide = |x: i64, y: i64| {
        let call = Call::new(Divide::NAME, Divide::OPTIONS, (x, y));
        let answer = answer(&app, call).get_timeout(PATIENCE).unwrap_or_else(|_| panic!("no result came"));
        answer.into_result::<i64, DivideError>()
    };
    assert_eq!(divide(6, 3), Ok(Ok(2)));
    assert_eq!(divide(6, 0), Ok(Err(DivideError { dividend: 6 })));

    let error = call::<Boom, ()>(&app, ("no luck",)).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (RemoteErrorKind::Panicked, "no luck"));
    assert!(error.traceback.unwrap().contains("tasks.rs:"), "the place of the panic");
}

fn rust_to_python() {
    let redis = Redis::start();
    let _worker = redis.python_worker(&["-Q", "py"], &[]);
    let app = redis.app();
    assert_eq!(python::<i64>(&app, "py.add", (2, 3)), Ok(5));
    assert_eq!(python::<i64>(&app, "py.add", (2,)), Ok(3), "a default of Python");
    let error = python::<i64>(&app, "py.raises", ("key",)).unwrap_err();
    assert_eq!(
        (error.kind, error.exc_type.as_str(), error.message.as_str()),
        (RemoteErrorKind::Python, "KeyError", "key, 7")
    );
}

fn python_to_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let printed = redis.run_python("print(app.send_task('rs.Add', (2,), {'y': 3}, queue='rs').get(timeout=30))");
    assert_eq!(printed, "5");
    let options = CallOptions::of(Add::OPTIONS).countdown(Duration::from_millis(50));
    assert_eq!(get::<i64>(&redis.app(), Call::new(Add::NAME, Add::OPTIONS, (1, 1)).with(options)), Ok(2));
}

//! A client and a worker, both in Rust.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use asynctools_celery::Ticket;
use celery_tests::answer;
use celery_tests::redis::Reply;
use celery_tests::send;
use celery_tests::tasks::Add;
use celery_tests::tasks::Boom;
use celery_tests::tasks::Count;
use celery_tests::tasks::Divide;
use celery_tests::tasks::DivideError;
use celery_tests::tasks::Echo;
use celery_tests::tasks::Greet;
use celery_tests::tasks::Long;
use celery_tests::tasks::Quiet;
use celery_tests::tasks::Third;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;

use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Process;
use crate::servers::Redis;
use crate::servers::patience;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: rust_to_rust, errors_of_rust, bad_arguments_are_named, an_unknown_task_is_told, priorities_go_in_order,
        a_countdown_and_an_expiry_are_kept, retries_end_with_the_value, no_result_where_none_is_wanted,
        a_client_is_dropped_with_its_call, a_timeout_ends_the_handle, a_call_that_is_too_long_is_given_up, results_are_deleted_when_delivered,
        a_cancelled_call_is_revoked, a_revocation_outlives_the_workers, a_broker_that_is_not_there_ends_the_handle,
        arguments_without_json_are_told, a_backend_of_its_own, a_user_with_few_rights;
};

pub(crate) const PY: TaskOptions = TaskOptions { queue: "py", ..TaskOptions::DEFAULT };

/// Calls a task of Rust and waits for its value.
pub(crate) fn call<K: Task, T: DeserializeOwned + Send + 'static>(
    app: &App,
    args: impl Serialize + Send + 'static,
) -> Result<T, RemoteError> {
    get(app, Call::new(K::NAME, K::OPTIONS, args))
}

pub(crate) fn python<T: DeserializeOwned + Send + 'static>(
    app: &App,
    name: &'static str,
    args: impl Serialize + Send + 'static,
) -> Result<T, RemoteError> {
    get(app, Call::new(name, PY, args))
}

pub(crate) fn get<T: DeserializeOwned + Send + 'static>(app: &App, call: Call) -> Result<T, RemoteError> {
    send(app, call).get_timeout(patience()).unwrap_or_else(|_| panic!("no result came"))
}

/// Makes a call that counts, and returns its place too.
pub(crate) fn cancellable(
    redis: &Redis,
    app: &App,
    task: &'static str,
    options: TaskOptions,
) -> (Ticket, AsyncValue<Answer>) {
    let ticket = app.ticket();
    let value = send_at(&ticket, Call::new(task, options, (redis.port, "runs", 0)));
    (ticket, value)
}

/// Sends the call of a place, and returns a handle to its answer.
pub(crate) fn send_at(ticket: &Ticket, call: Call) -> AsyncValue<Answer> {
    let (promise, value) = AsyncValue::promise();
    ticket.send(call, |answer| promise.set(answer));
    value
}

pub(crate) fn kind(value: AsyncValue<Answer>) -> RemoteErrorKind {
    let answer = value.get_timeout(patience()).unwrap_or_else(|_| panic!("no result came"));
    answer.into_value::<Value>().unwrap_err().kind
}

fn rust_to_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(2, &[]);
    redis.wait_for_worker();
    let app = redis.app();
    let is_heard = || {
        // A client begins to listen for its first call, and does not look up the second, which no sweep sees that soon.
        let (app, start) = (redis.app(), Instant::now());
        assert_eq!(call::<Add, i64>(&app, (2, 3)), Ok(5));
        assert_eq!(call::<Add, i64>(&app, (3, 4)), Ok(7));
        start.elapsed() < Duration::from_secs(4)
    };
    // A machine may stand still for once.
    assert!((0..3).any(|_| is_heard()), "the results are heard, not found by a sweep");
    let unicode =
        json!({"text": "žluťoučký \u{1F40E} \"quoted\" \\", "list": [null, true, 1.5, -7], "map": {"b": 1, "a": 2}});
    assert_eq!(call::<Echo, Value>(&app, (unicode.clone(),)), Ok(unicode));
    let large = "x".repeat(1 << 20);
    assert_eq!(call::<Echo, String>(&app, (large.clone(),)), Ok(large));
    assert_eq!(call::<Greet, String>(&app, ("you",)), Ok("hello you".to_owned()), "an argument that is left out");
}

fn errors_of_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let divide = |x: i64, y: i64| {
        let call = Call::new(Divide::NAME, Divide::OPTIONS, (x, y));
        let answer = answer(&app, call).get_timeout(patience()).unwrap_or_else(|_| panic!("no result came"));
        answer.into_result::<i64, DivideError>()
    };
    assert_eq!(divide(6, 3), Ok(Ok(2)));
    assert_eq!(divide(6, 0), Ok(Err(DivideError { dividend: 6 })));
    let call_of = || Call::new(Divide::NAME, Divide::OPTIONS, (6, 0));
    let other_type = answer(&app, call_of()).get().into_result::<i64, String>().unwrap_err();
    assert_eq!((other_type.kind, other_type.exc_type.as_str()), (RemoteErrorKind::Python, "DivideError"));
    assert_eq!(other_type.message, "6 cannot be divided by nothing");

    let error = call::<Boom, ()>(&app, ("no luck",)).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (RemoteErrorKind::Panicked, "no luck"));
    assert!(error.traceback.unwrap().contains("tasks.rs:"), "the place of the panic");
    assert_eq!(call::<Boom, ()>(&app, ("",)), Ok(()), "the worker survives a panic");
    let error = call::<Add, String>(&app, (1, 2)).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::BadResult, "the result is of another type than the caller says");
}

fn bad_arguments_are_named() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let refused = |args: Value| {
        let error = call::<Add, i64>(&app, args).unwrap_err();
        assert_eq!(error.kind, RemoteErrorKind::BadArguments, "{error}");
        error.message
    };
    assert_eq!(refused(json!([1])), "argument `y` is missing");
    assert_eq!(refused(json!([1, 2, 3])), "3 positional arguments are given; the task takes at most 2");
    assert!(refused(json!([1, "two"])).starts_with("argument `y`: invalid type: string"));
    assert!(refused(json!([1, 1.5])).starts_with("argument `y`: invalid type: floating point"));
}

fn an_unknown_task_is_told() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let error = get::<()>(&redis.app(), Call::new("rs.nothing", Add::OPTIONS, ())).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (RemoteErrorKind::NotRegistered, "rs.nothing"));
}

fn priorities_go_in_order() {
    let redis = Redis::start();
    let app = redis.app();
    let push = |priority: u8| {
        let options = CallOptions::of(Count::OPTIONS).priority(priority);
        send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", 0)).with(options))
    };
    let calls: AsyncList<_> = [9, 4, 0, 7, 3].into_iter().map(push).collect();
    app.flush();
    let _worker = redis.worker(1, &[]);
    // Each call returns which run it was. The client hears of two that end together in any order.
    let runs: Vec<_> = calls.get().into_iter().map(Result::unwrap).collect();
    assert_eq!(runs, [5, 2, 1, 4, 3], "0 first; 4 and 3 are one step, in the order of their sending");
}

fn a_countdown_and_an_expiry_are_kept() {
    let redis = Redis::start();
    let app = redis.app();
    let options = CallOptions::of(Add::OPTIONS).expires(Duration::from_millis(1));
    let expired = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1)).with(options));
    app.flush();
    thread::sleep(Duration::from_millis(5));
    let _worker = redis.worker(1, &[]);
    assert_eq!(expired.get().unwrap_err().kind, RemoteErrorKind::Expired);

    let later = |countdown| {
        let options = CallOptions::of(Add::OPTIONS).countdown(countdown);
        send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 2)).with(options))
    };
    let held = later(Duration::from_secs(3600));
    redis.wait_for(&["HLEN", "unacked"], 1);
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "a message that is held occupies no thread");
    let start = Instant::now();
    assert_eq!(later(Duration::from_millis(300)).get(), Ok(3));
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(!held.is_finished());
}

fn retries_end_with_the_value() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    assert_eq!(call::<Third, i64>(&app, (redis.port, "third")), Ok(3));
    assert_eq!(redis.number(&["GET", "third"]), 3);
    redis.call(&["SET", "third", "-9"]);
    let error = call::<Third, i64>(&app, (redis.port, "third")).unwrap_err();
    assert_eq!(error.message, "run -5", "the error of the last of four runs");
    assert_eq!(redis.number(&["GET", "third"]), -5);
}

fn no_result_where_none_is_wanted() {
    let redis = Redis::start();
    let app = redis.app();
    assert_eq!(call::<Quiet, ()>(&app, (redis.port, "quiet")), Ok(()), "the handle ends when the call is sent");
    let _worker = redis.worker(1, &[]);
    redis.wait_for(&["GET", "quiet"], 1);
    redis.wait_for(&["HLEN", "unacked"], 0);
    assert_eq!(redis.call(&["KEYS", "celery-task-meta-*"]), Reply::List(vec![]));
}

/// Each client is gone while its sender still writes the arguments.
fn a_client_is_dropped_with_its_call() {
    let redis = Redis::start();
    let _worker = redis.worker(2, &[]);
    let (open, gate) = AsyncValue::promise();
    let gate = gate.shared();
    let values: AsyncList<Result<i64, RemoteError>> = (0..20)
        .map(|n| {
            let gate = gate.clone();
            let arguments = move || {
                let () = gate.get();
                Ok(format!("[{n}, 1]"))
            };
            send(&redis.app(), Call::written(Add::NAME, CallOptions::of(Add::OPTIONS), arguments))
        })
        .collect();
    open.set(());
    let expected: Vec<_> = (0..20).map(|n| Ok(n + 1)).collect();
    assert_eq!(values.get(), expected);
}

fn a_timeout_ends_the_handle() {
    let redis = Redis::start();
    let options = CallOptions::of(Add::OPTIONS).result_timeout(Duration::from_millis(100));
    let error = get::<i64>(&redis.app(), Call::new(Add::NAME, Add::OPTIONS, (1, 1)).with(options)).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Timeout);
    assert_eq!(error.task_id.len(), 36);
}

fn a_call_that_is_too_long_is_given_up() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let error = call::<Long, i64>(&app, (redis.port, "long", 60_000)).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::SoftTimeLimit);
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "another thread takes its place");
    assert_eq!(call::<Long, i64>(&app, (redis.port, "long", 0)), Ok(2));
    assert_eq!(redis.number(&["HLEN", "unacked"]), 0, "it is acknowledged");
}

fn results_are_deleted_when_delivered() {
    let redis = Redis::start();
    let _worker = redis.worker(2, &[]);
    let app = redis.app();
    for n in 0..20 {
        assert_eq!(call::<Add, i64>(&app, (n, 1)), Ok(n + 1));
    }
    redis.wait_for(&["DBSIZE"], 0);
}

fn a_cancelled_call_is_revoked() {
    let redis = Redis::start();
    let app = redis.app();
    let (ticket, call) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    app.flush();
    let _worker = redis.worker(1, &["queue=fleet"]);
    redis.wait_for_answers(1);
    assert!(!ticket.cancel(), "it was sent");
    assert_eq!(kind(call), RemoteErrorKind::Revoked, "it ends, though no worker serves its queue");
    let _second = redis.worker(1, &[]);
    let (_, next) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    next.wait();
    assert_eq!(redis.number(&["LLEN", "rs"]), 0);
}

fn a_revocation_outlives_the_workers() {
    let redis = Redis::start();
    let app = redis.app();
    let (ticket, call) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    let (_, next) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    app.flush();
    assert!(!ticket.cancel(), "it was sent");
    redis.wait_for(&["ZCARD", "celery-revoked"], 1);
    let _worker = redis.worker(1, &[]);
    assert_eq!(kind(call), RemoteErrorKind::Revoked, "nobody worked when it was revoked");
    assert_eq!(next.get().into_value::<i64>(), Ok(1), "only this one ran");
    let seconds = redis.number(&["TTL", "celery-revoked"]);
    assert!((1..=3 * 3600).contains(&seconds), "{seconds}");
}

fn a_broker_that_is_not_there_ends_the_handle() {
    let mut redis = Redis::start();
    let app = redis.app();
    redis.stop();
    let error = call::<Add, i64>(&app, (1, 1)).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Broker);
    assert!(error.message.contains("cannot be reached"), "{error}");
    redis.restart();
    let _worker = redis.worker(1, &[]);
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "the next call tries anew");
}

fn arguments_without_json_are_told() {
    let redis = Redis::start();
    let pairs = BTreeMap::from([((1, 2), 3)]);
    let error = call::<Echo, Value>(&redis.app(), (pairs,)).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::BadArguments);
    assert_eq!(redis.number(&["LLEN", "rs"]), 0, "it is not sent");
}

fn a_backend_of_its_own() {
    let redis = Redis::start();
    let backend = format!("redis://127.0.0.1:{}/3", redis.port);
    let _worker = redis.worker(1, &[&format!("backend={backend}")]);
    let app = App::builder().broker(redis.url()).backend(&backend).keep_results(true).build().unwrap();
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
    // The result is stored before the message is acknowledged, so the worker may still hold the message for a moment.
    let deadline = Instant::now() + Duration::from_secs(20);
    while redis.call(&["KEYS", "*"]) != Reply::List(vec![]) {
        assert!(Instant::now() < deadline, "something stays in the broker's database");
        thread::yield_now();
    }
    let Reply::Text(info) = redis.call(&["INFO", "keyspace"]) else { unreachable!() };
    assert!(info.contains("db3:keys=1"), "{info}");
}

fn a_user_with_few_rights() {
    let redis = Redis::start();
    let page = include_str!("../../../CELERY.md");
    let rights =
        page.split('`').find_map(|code| code.strip_prefix("ACL SETUSER worker ")).expect("the page has an example");
    let without_others: Vec<_> = rights.split_whitespace().filter(|right| !right.contains(['_', '.'])).collect();
    for rights in [rights.split_whitespace().collect(), without_others] {
        redis.call(&[&["ACL", "SETUSER", "worker"], &rights[..]].concat());
        redis.call(&["ACL", "SETUSER", "worker", "~rs*"]);
        let url = format!("redis://worker:secret@127.0.0.1:{}/0", redis.port);
        let mut worker = Command::new(env!("CARGO_BIN_EXE_worker"));
        let _worker = Process::start(worker.args([&url, "2", "queue=rs"]));
        let app = App::builder().broker(&url).build().unwrap();
        assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
        redis.call(&["ACL", "DELUSER", "worker"]);
    }
}

//! Rust and Python, each as client and as worker.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Bytes;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::DateTime;
use asynctools_celery::Decimal;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use asynctools_celery::Ticket;
use asynctools_celery::Uuid;
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
use crate::servers::Redis;
use crate::servers::patience;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: rust_to_rust, errors_of_rust, bad_arguments_are_named, an_unknown_task_is_told, priorities_go_in_order,
        a_countdown_and_an_expiry_are_kept, retries_end_with_the_value, no_result_where_none_is_wanted,
        a_timeout_ends_the_handle, a_call_that_is_too_long_is_given_up, results_are_deleted_when_delivered,
        a_cancelled_call_is_revoked, a_broker_that_is_not_there_ends_the_handle, arguments_without_json_are_told, a_backend_of_its_own;
    Python: rust_to_python, python_to_rust, typed_values, what_python_cannot_say, errors_for_python, groups_of_python,
        every_form_of_a_time, extended_results, pickle_and_compression_are_refused, inspect_of_celery,
        revoked_by_python, revoked_in_python;
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
    send(app, call).get_timeout(patience()).unwrap_or_else(|_| panic!("no result came"))
}

fn rust_to_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(2, &[]);
    redis.wait_for_worker();
    let (app, start) = (redis.app(), Instant::now());
    assert_eq!(call::<Add, i64>(&app, (2, 3)), Ok(5));
    assert!(start.elapsed() < Duration::from_secs(4), "the result is heard, not found by a sweep");
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
        let options = CallOptions::of(Echo::OPTIONS).priority(priority);
        send::<Value>(&app, Call::new(Echo::NAME, Echo::OPTIONS, (priority,)).with(options))
    };
    let calls: AsyncList<_> = [9, 4, 0, 7, 3].into_iter().map(push).collect();
    app.flush();
    let _worker = redis.worker(1, &[]);
    let order: Vec<_> = calls.as_completed().map(|(index, _)| index).collect();
    assert_eq!(order, [2, 1, 4, 3, 0], "0 first; 4 and 3 are one step, in the order of their sending");
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

    let start = Instant::now();
    let later = CallOptions::of(Add::OPTIONS).countdown(Duration::from_millis(700));
    let later = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 2)).with(later));
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "a message that is held occupies no thread");
    assert!(!later.is_finished());
    assert_eq!(later.get(), Ok(3));
    assert!(start.elapsed() >= Duration::from_millis(700));
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
    let error = call::<Long, i64>(&app, (redis.port, "long", 3000)).unwrap_err();
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

/// Makes a call that counts, and returns its place too.
fn cancellable(redis: &Redis, app: &App, task: &'static str, options: TaskOptions) -> (Ticket, AsyncValue<Answer>) {
    let ticket = app.ticket();
    let (promise, value) = AsyncValue::promise();
    let call = Call::new(task, options, (redis.port, "runs", 0));
    ticket.clone().send(call, |answer| {
        promise.set(answer);
    });
    (ticket, value)
}

fn kind(value: AsyncValue<Answer>) -> RemoteErrorKind {
    let answer = value.get_timeout(patience()).unwrap_or_else(|_| panic!("no result came"));
    answer.into_value::<Value>().unwrap_err().kind
}

fn a_cancelled_call_is_revoked() {
    let redis = Redis::start();
    let app = redis.app();
    let (ticket, call) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    app.flush();
    let _worker = redis.worker(1, &["queue=fleet"]);
    redis.wait_for_worker();
    assert!(!ticket.cancel(), "it was sent");
    assert_eq!(kind(call), RemoteErrorKind::Revoked, "it ends, though no worker serves its queue");
    let _second = redis.worker(1, &[]);
    let (_, next) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    next.wait();
    assert_eq!(redis.number(&["LLEN", "rs"]), 0);
}

fn revoked_by_python() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["hostname=rust@here"]);
    redis.wait_for_worker();
    let printed = redis.run_python(
        "import time
held = app.send_task('rs.Count', (port, 'held', 0), queue='rs', countdown=2)
time.sleep(0.3)
print(app.control.revoke([held.id], reply=True, timeout=2))
try: held.get(timeout=10)
except Exception as error: print(type(error).__name__, held.state)
time.sleep(2.2)",
    );
    assert!(printed.contains("flagged as revoked"), "{printed}");
    assert!(printed.ends_with("TaskRevokedError REVOKED"), "{printed}");
    assert_eq!(redis.number(&["GET", "held"]), 0);
    assert_eq!(redis.number(&["HLEN", "unacked"]), 0);
}

fn revoked_in_python() {
    let redis = Redis::start();
    let app = redis.app();
    let _worker = redis.python_worker(&["-Q", "py"], &[]);
    let busy = send::<i64>(&app, Call::new("py.count", PY, (redis.port, "busy", 1500)));
    redis.wait_for(&["GET", "busy"], 1);
    let (ticket, call) = cancellable(&redis, &app, "py.count", PY);
    app.flush();
    assert!(!ticket.cancel());
    assert_eq!(kind(call), RemoteErrorKind::Revoked);
    assert_eq!(busy.get(), Ok(1));
    assert_eq!(python::<i64>(&app, "py.add", (1, 1)), Ok(2));
    assert_eq!(redis.number(&["GET", "runs"]), 0, "a Python worker hears of it");
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
    assert_eq!(redis.call(&["KEYS", "*"]), Reply::List(vec![]), "no result in the broker's database");
    let Reply::Text(info) = redis.call(&["INFO", "keyspace"]) else { unreachable!() };
    assert!(info.contains("db3:keys=1"), "{info}");
}

fn rust_to_python() {
    let redis = Redis::start();
    let _worker = redis.python_worker(&["-Q", "py"], &[]);
    let app = redis.app();
    assert_eq!(python::<i64>(&app, "py.add", (2, 3)), Ok(5));
    assert_eq!(python::<i64>(&app, "py.add", (2,)), Ok(3), "a default of Python");
    let unicode = json!({"text": "žluťoučký \u{1F40E} \"quoted\" \\", "list": [null, true, 1.5, -7], "big": u64::MAX});
    assert_eq!(python::<Value>(&app, "py.echo", (unicode.clone(),)), Ok(unicode));
    assert_eq!(python::<Bytes>(&app, "py.echo", (Bytes(vec![0, 255]),)), Ok(Bytes(vec![0, 255])));
    let large = "x".repeat(1 << 20);
    assert_eq!(python::<String>(&app, "py.echo", (large.clone(),)), Ok(large));
    let error = python::<i64>(&app, "py.raises", ("key",)).unwrap_err();
    let found = (error.kind, error.exc_type.as_str(), error.message.as_str());
    assert_eq!(found, (RemoteErrorKind::Python, "KeyError", "key, 7"));
    assert!(error.traceback.unwrap().contains("tasks.py"));
    let options = CallOptions::of(PY).priority(7).header("tenant", "a").countdown(Duration::from_millis(20));
    assert_eq!(get::<i64>(&app, Call::new("py.add", PY, (1, 1)).with(options)), Ok(2));
    let error = python::<i64>(&app, "py.nothing", ()).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::NotRegistered);
}

fn typed_values() {
    let redis = Redis::start();
    let _worker = redis.python_worker(&["-Q", "py"], &[]);
    let app = redis.app();
    let typed = python::<BTreeMap<String, Value>>(&app, "py.typed", ()).unwrap();
    let read = |name: &str| typed[name].clone();
    assert_eq!(serde_json::from_value::<Bytes>(read("binary")).unwrap(), Bytes(vec![255, 0]));
    assert_eq!(serde_json::from_value::<DateTime>(read("datetime")).unwrap().0, "2023-11-14T22:13:20+00:00");
    assert_eq!(serde_json::from_value::<Decimal>(read("decimal")).unwrap().0, "0.10");
    assert_eq!(serde_json::from_value::<Uuid>(read("uuid")).unwrap(), Uuid(255));
    let decimal = Decimal("12345678901234567890.01".to_owned());
    assert_eq!(python::<Decimal>(&app, "py.echo", (decimal.clone(),)), Ok(decimal));
    assert_eq!(python::<Uuid>(&app, "py.echo", (Uuid(7),)), Ok(Uuid(7)));
}

fn what_python_cannot_say() {
    let redis = Redis::start();
    let _worker = redis.python_worker(&["-Q", "py"], &[]);
    let app = redis.app();
    for name in ["py.nan", "py.huge"] {
        let error = python::<f64>(&app, name, ()).unwrap_err();
        assert_eq!(error.kind, RemoteErrorKind::BadResult, "{name}: {error}");
    }
}

fn python_to_rust() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let printed = redis.run_python(
        "send = lambda _task, *args, **kw: app.send_task('rs.' + _task, args, kw, queue='rs').get(timeout=30)
print(send('Add', 1, 2), send('Add', 1, y=3), send('Add', x=1, y=4), send('Greet', name='you'), send('Greet', 'you', 'hi'))
print(send('Echo', {'a': [1, None, 'ž\\U0001f40e']}), len(send('Echo', 'x' * (1 << 20))))
print(send('Reverse', b'abc'), send('Reverse', b'\\xff\\x00'))",
    );
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "3 4 5 hello you hi you");
    assert_eq!(lines[1], "{'a': [1, None, 'ž\u{1F40E}']} 1048576");
    assert_eq!(lines[2], r"b'cba' b'\x00\xff'");
}

fn errors_for_python() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let printed = redis.run_python(
        "def failed(name, *args, **kw):
    try: app.send_task('rs.' + name, args, kw, queue='rs').get(timeout=30)
    except Exception as error: print(type(error).__name__, '|', error)
failed('Divide', 6, 0)
failed('Boom', 'no luck')
failed('Add', 1)
failed('Add', 1, 2, z=3)
failed('Add', 1, 2**80)
failed('Add', 1, float('nan'))
failed('nothing')
failed('Add', 1, 2, y=3)",
    );
    let expected = [
        "DivideError | 6 cannot be divided by nothing",
        "RustPanic | no luck",
        "TypeError | argument `y` is missing",
        "TypeError | argument `z` is not one of the task's",
        "TypeError | argument `y`: an integer has more than 64 bits; pass it as text",
        "ContentDisallowed | the body is not `[args, kwargs, embed]`",
        "NotRegistered | 'rs.nothing'",
        "TypeError | argument `y` is there twice",
    ];
    for (line, expected) in printed.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(printed.lines().count(), expected.len(), "{printed}");
}

fn groups_of_python() {
    let redis = Redis::start();
    let (_rust, _python) = (redis.worker(2, &[]), redis.python_worker(&["-Q", "py"], &[]));
    let printed = redis.run_python(
        "from celery import group, signature
tasks = [signature('rs.Add', (n, 1), queue='rs') if n % 2 else signature('py.add', (n, 1), queue='py') for n in range(10)]
print(group(tasks).apply_async().get(timeout=30))",
    );
    assert_eq!(printed, "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]");
}

fn every_form_of_a_time() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let printed = redis.run_python(
        "import datetime, time
now = datetime.datetime.now(datetime.timezone.utc)
soon = now + datetime.timedelta(seconds=0.5)
zone = datetime.timezone(datetime.timedelta(hours=-5, minutes=-30))
forms = [soon.isoformat(), soon.isoformat().replace('+00:00', 'Z'), soon.replace(tzinfo=None).isoformat(),
         soon.astimezone(zone).isoformat(), soon.replace(microsecond=0).isoformat()]
calls = [app.send_task('rs.Add', (n, 0), queue='rs', eta=form, expires='2099-01-01T00:00:00Z') for n, form in enumerate(forms)]
print([call.get(timeout=30) for call in calls], time.time() >= soon.timestamp())
for options in [dict(eta='soon'), dict(expires='2001-01-01T00:00:00')]:
    call = app.send_task('rs.Add', (1, 1), queue='rs', **options)
    try: call.get(timeout=30)
    except Exception as error: print(type(error).__name__, call.state)",
    );
    assert_eq!(printed, "[0, 1, 2, 3, 4] True\nContentDisallowed FAILURE\nTaskRevokedError REVOKED");
}

fn extended_results() {
    let redis = Redis::start();
    let _python = redis.python_worker(&["-Q", "py"], &[("EXTENDED", "1")]);
    assert_eq!(python::<i64>(&redis.app(), "py.add", (2, 3)), Ok(5));
    let _rust = redis.worker(1, &["extended=1", "hostname=rust@here"]);
    let printed = redis.run_python(
        "call = app.send_task('rs.Add', (2,), {'y': 3}, queue='rs')
call.get(timeout=30)
print(call.name, call.args, call.kwargs, call.worker, call.retries, call.queue)",
    );
    assert_eq!(printed, "rs.Add [2] {'y': 3} rust@here 0 rs");
}

fn pickle_and_compression_are_refused() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let printed = redis.run_python(
        "def refused(name='rs.Add', **options):
    call = app.send_task(name, (1, 2), queue='rs', **options)
    try: print(call.get(timeout=30))
    except Exception as error: print(type(error).__name__, '|', error)
refused(serializer='pickle')
refused(compression='gzip')
refused(link=app.signature('rs.Add'))",
    );
    let expected = [
        "ContentDisallowed | the body is `application/x-python",
        "ContentDisallowed | the body is compressed",
        "NotImplementedError | ",
    ];
    for (line, expected) in printed.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
    assert_eq!(printed.lines().count(), expected.len(), "{printed}");
}

fn inspect_of_celery() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["hostname=rust@here"]);
    let app = redis.app();
    let running = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "count", 60_000)));
    redis.wait_for(&["GET", "count"], 1);
    let printed = redis.run_python(
        "print(app.control.inspect(timeout=2).ping())
print([(task['name'], task['hostname']) for task in app.control.inspect(['rust@here'], timeout=2).active()['rust@here']])
print(app.control.inspect(['other@here'], timeout=0.3).ping())",
    );
    assert_eq!(printed, "{'rust@here': {'ok': 'pong'}}\n[('rs.Count', 'rust@here')]\nNone");
    assert!(!running.is_finished());
}

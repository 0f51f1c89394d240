//! Rust and Python, each as client and as worker.

use std::collections::BTreeMap;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Bytes;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::DateTime;
use asynctools_celery::Decimal;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::Uuid;
use celery_tests::redis::Reply;
use celery_tests::send;
use celery_tests::tasks::Count;
use serde_json::Value;
use serde_json::json;

use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Redis;
use crate::servers::patience;

use crate::interop::PY;
use crate::interop::cancellable;
use crate::interop::get;
use crate::interop::kind;
use crate::interop::python;

pub(crate) const TESTS: &[Test] = tests! {
    Python: rust_to_python, python_to_rust, typed_values, what_python_cannot_say, errors_for_python, groups_of_python,
        every_form_of_a_time, extended_results, pickle_and_compression_are_refused, inspect_of_celery,
        revoked_by_python, revoked_in_python, a_look_at_a_queue, calls_of_other_clients, below_a_prefix,
        warnings_at_the_start;
};

fn revoked_by_python() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["hostname=rust@here"]);
    redis.wait_for_answers(1);
    let printed = redis.run_python(
        "import time
held = app.send_task('rs.Count', (port, 'held', 0), queue='rs', countdown=5)
print(app.control.revoke([held.id], reply=True, timeout=30, limit=1))
try: held.get(timeout=30)
except Exception as error: print(type(error).__name__, held.state)
time.sleep(5)",
    );
    assert!(printed.contains("flagged as revoked"), "{printed}");
    assert!(printed.ends_with("TaskRevokedError REVOKED"), "{printed}");
    redis.wait_for(&["HLEN", "unacked"], 0);
    assert_eq!(redis.number(&["GET", "held"]), 0);
}

fn revoked_in_python() {
    let redis = Redis::start();
    let app = redis.app();
    let _worker = redis.python_worker(&["-Q", "py"], &[]);
    redis.wait_for_answers(1);
    let busy = send::<i64>(&app, Call::new("py.count", PY, (redis.port, "busy", 4000)));
    redis.wait_for(&["GET", "busy"], 1);
    let (ticket, call) = cancellable(&redis, &app, "py.count", PY);
    app.flush();
    assert!(!ticket.cancel());
    assert_eq!(kind(call), RemoteErrorKind::Revoked);
    assert_eq!(busy.get(), Ok(1));
    assert_eq!(python::<i64>(&app, "py.add", (1, 1)), Ok(2));
    assert_eq!(redis.number(&["GET", "runs"]), 0, "a Python worker hears of it");
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
    redis.wait_for_answers(1);
    let printed = redis.run_python(
        "print(app.control.inspect(timeout=30, limit=1).ping())
active = app.control.inspect(['rust@here'], timeout=30, limit=1).active()
print([(task['name'], task['hostname']) for task in active['rust@here']])
print(app.control.inspect(['other@here'], timeout=0.3).ping())",
    );
    assert_eq!(printed, "{'rust@here': {'ok': 'pong'}}\n[('rs.Count', 'rust@here')]\nNone");
    assert!(!running.is_finished());
}

fn a_look_at_a_queue() {
    let redis = Redis::start();
    let app = redis.app();
    let _workers = (redis.worker(1, &["hostname=rust@here"]), redis.python_worker(&["-Q", "py", "-n", "py@here"], &[]));
    redis.wait_for_answers(2);
    for priority in [0, 9] {
        let options = CallOptions::of(PY).queue("nobody").priority(priority);
        send::<i64>(&app, Call::new("py.add", PY, (1, 1)).with(options)).detach();
    }
    app.flush();
    let check = app.check("nobody").unwrap();
    assert_eq!(check.waiting, 2);
    assert_eq!(check.workers.into_iter().collect::<Vec<_>>(), ["py@here", "rust@here"]);
    assert_eq!(redis.number(&["SCARD", "_kombu.binding.reply.celery.pidbox"]), 0, "nothing is left of the question");
}

fn calls_of_other_clients() {
    let redis = Redis::start();
    let id = redis.run_python("print(app.send_task('rs.Count', (port, 'runs', 0), queue='rs').id)");
    let attach = || {
        let (promise, value) = AsyncValue::promise();
        redis.app().attach(id.clone(), |answer| {
            promise.set(answer);
        });
        value.map(Answer::into_value::<i64>)
    };
    let before = attach();
    let _worker = redis.worker(1, &[]);
    assert_eq!(before.get(), Ok(1), "the client is kept until the call has ended");
    assert_eq!(attach().get(), Ok(1), "the result stays");
}

fn below_a_prefix() {
    let redis = Redis::start();
    let environment = [("PREFIX", "fleet:"), ("BACKEND_PREFIX", "out")];
    let prefixes = ["prefix=fleet:", "backend_prefix=out", "hostname=rust@here", "visibility=3000"];
    let _python = redis.python_worker(&["-Q", "py"], &environment);
    let app = App::builder().broker(redis.url()).global_keyprefix("fleet:").backend_global_keyprefix("out");
    let app = app.keep_results(true).build().unwrap();
    assert_eq!(python::<i64>(&app, "py.add", (2, 3)), Ok(5));

    let mut killed = redis.worker(1, &prefixes);
    let options = CallOptions::of(Count::OPTIONS).priority(9);
    let call = Call::new(Count::NAME, Count::OPTIONS, (redis.port, "fleet:runs", 1000)).with(options);
    let call = send::<i64>(&app, call);
    redis.wait_for(&["GET", "fleet:runs"], 1);
    killed.kill();
    let _rust = redis.worker(1, &prefixes);
    let value = call.get_timeout(patience()).unwrap_or_else(|_| panic!("it does not come back to its list"));
    assert_eq!(value, Ok(2));
    let printed = redis.run_python_with(
        &environment,
        "print(app.send_task('rs.Add', (3, 4), queue='rs').get(timeout=30))
print(app.control.inspect(['rust@here'], timeout=30, limit=1).ping())",
    );
    assert_eq!(printed, "7\n{'rust@here': {'ok': 'pong'}}");
    assert_eq!(app.check("py").unwrap().workers.len(), 2);
    let Reply::List(keys) = redis.call(&["KEYS", "*"]) else { unreachable!() };
    let keys: Vec<_> = keys.iter().map(Reply::to_string).collect();
    assert!(keys.iter().all(|key| key.starts_with("fleet:") || key.starts_with("out_celery-task-meta-")), "{keys:?}");
}

fn warnings_at_the_start() {
    let redis = Redis::with(&["--save", "", "--maxmemory-policy", "allkeys-lru"]);
    let _rust = redis.worker(1, &["hostname=rust@here", "visibility=2000"]);
    let _python = redis.python_worker(&["-Q", "py", "-n", "py@here"], &[("VISIBILITY", "3")]);
    redis.wait_for_answers(2);
    let warnings = redis.first_words(&["hostname=rust@here", "visibility=2000"], 4);
    let expected = [
        "this Redis keeps nothing on disk",
        "with `maxmemory-policy allkeys-lru` a full Redis deletes queues",
        "another worker is named `rust@here`",
        "the visibility timeout is 2 s here and 3 s in the worker `py@here`",
    ];
    assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
    for (line, expected) in warnings.iter().zip(expected) {
        assert!(line.contains("warning: ") && line.contains(expected), "{line}");
    }
}

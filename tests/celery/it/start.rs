//! The start of workers and clients: what is refused, and what can be changed later.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use asynctools::celery;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use celery_tests::send;
use celery_tests::tasks::Add;
use celery_tests::tasks::Count;
use celery_tests::tasks::Echo;
use celery_tests::tasks::Resize;

use crate::interop::call;
use crate::interop::get;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Process;
use crate::servers::Redis;
use crate::servers::first_words;
use crate::servers::free_port;
use crate::servers::patience;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: a_program_that_aborts, refused_at_the_start, found_tasks_are_printed, an_old_server_is_refused,
        a_client_without_an_address, threads_change_while_calls_run, a_full_queue_makes_callers_wait,
        arguments_are_shown_where_the_client_says_so;
};

fn refused_at_the_start() {
    let redis = Redis::start();
    let worker = || celery::worker().broker(redis.url());
    let refused = |worker: celery::Worker| {
        let (tell, told) = channel();
        thread::spawn(move || tell.send(worker.run().unwrap_err().to_string()));
        told.recv_timeout(patience()).expect("the worker starts")
    };
    assert!(refused(worker()).starts_with("the worker has no task"));
    let why = refused(worker().task::<Add>().queue("rs").queue("images"));
    assert!(why.starts_with("no task of the worker is for the queue `images`"), "{why}");
    let why = refused(worker().task::<Add>().task::<Echo>().task::<Add>());
    assert!(why.starts_with("two tasks are named `rs.Add`"), "{why}");
    let why = refused(worker().task::<Add>().visibility_timeout(Duration::ZERO));
    assert!(why.starts_with("`visibility_timeout` and `max_deliveries` must be more than nothing"), "{why}");
    let why = refused(worker().task::<Add>().max_deliveries(0));
    assert!(why.starts_with("`visibility_timeout` and `max_deliveries` must be more than nothing"), "{why}");
    let why = refused(worker().all().queue("elsewhere").queue("rs"));
    assert!(why.starts_with("no task of the worker is for the queue `rs`"), "{why}");
    let why = refused(worker().task::<Add>().broker("amqp://localhost"));
    assert!(why.ends_with("found `amqp`"), "{why}");
    let why = refused(worker().task::<Add>().backend("file:///results"));
    assert!(why.ends_with("found `file`"), "{why}");
    let nobody = format!("redis://127.0.0.1:{}/0", free_port());
    let why = refused(worker().task::<Add>().broker(nobody));
    assert!(why.starts_with("the broker cannot be reached: "), "{why}");
}

/// `all()` says which functions with a body it has found.
fn found_tasks_are_printed() {
    let mut tasks = Redis::start().first_words(&["all=1"], 6);
    tasks.sort_unstable();
    let expected = [
        "`celery_tests::fleet::letters` of queue `fleet`",
        "`celery_tests::fleet::reverse` of queue `fleet`",
        "`celery_tests::fleet::sum` of queue `fleet`",
        "`celery_tests::fleet::with_options` of queue `elsewhere`",
        "`celery_tests::fleet::fails` of queue `fleet`",
        "`fleet.half` of queue `fleet`",
    ];
    let mut expected = expected.map(|task| format!("asynctools-celery: task {task}"));
    expected.sort_unstable();
    assert_eq!(tasks, expected);
}

/// A program whose panics end it: a worker there is refused, and has to die of a panic where it is allowed.
fn a_program_that_aborts() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abort");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--profile", "abort", "--package", "celery-abort", "--target-dir"]);
    let built = command.arg(&target).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.is_ok_and(|status| status.success()), "the profile `abort` does not build");
    let redis = Redis::start();
    let program = || {
        let mut program = Command::new(target.join("abort/celery-abort"));
        program.env("CELERY_BROKER_URL", redis.url());
        program
    };
    let words = first_words(&mut program(), 2);
    let [why] = &words[..] else { panic!("it is not refused: {words:?}") };
    assert!(why.contains("the program is built with `panic = ") && why.contains("`.allow_abort(true)`"), "{why}");

    let app = redis.app();
    let options = TaskOptions { queue: "abort", ..TaskOptions::DEFAULT };
    let mut first = Process::start(program().arg("allow"));
    assert_eq!(get(&app, Call::new("abort.add", options, (2, 3))), Ok(5));
    let panics = send::<()>(&app, Call::new("abort.panics", options, ()));
    assert!(!first.wait(), "the panic ends the worker");
    let _second = Process::start(program().arg("allow"));
    let error = panics.get_timeout(patience()).unwrap_or_else(|_| panic!("the handle does not end")).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::WorkerLost);
    assert_eq!(get(&app, Call::new("abort.add", options, (3, 4))), Ok(7));
}

/// A server that answers as one of 2020.
fn an_old_server_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("the worker comes");
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let asked = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let others = asked.matches("SETINFO").count();
            let mut answers = "+OK\r\n".repeat(others);
            if asked.contains("\r\nINFO\r\n") {
                answers += "$20\r\nredis_version:6.0.16\r\n";
            }
            let _ = client.write_all(answers.as_bytes());
        }
    });
    let worker = celery::worker().broker(format!("redis://127.0.0.1:{port}")).task::<Add>();
    let why = worker.run().unwrap_err().to_string();
    assert_eq!(why, "found Redis 6.0.16; a worker needs 6.2, which has BLMOVE");
}

fn a_client_without_an_address() {
    for (address, expected) in [("", "found `nothing`"), ("amqp://localhost", "found `amqp`")] {
        let mut client = Command::new(env!("CARGO_BIN_EXE_client"));
        let output = client.env("CELERY_BROKER_URL", address).output().expect("it is built");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.starts_with("Broker: ") && printed.contains(expected), "{printed}");
    }
}

fn threads_change_while_calls_run() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["pool=own"]);
    let app = redis.app();
    assert_eq!(call::<Resize, usize>(&app, (2,)), Ok(1));
    let busy = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "busy", 60_000)));
    redis.wait_for(&["GET", "busy"], 1);
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "there is a second thread");
    assert!(!busy.is_finished());
}

fn a_full_queue_makes_callers_wait() {
    let mut redis = Redis::start();
    let app = App::builder().broker(redis.url()).queue(1).build().unwrap();
    redis.stop();
    let app = &app;
    thread::scope(|scope| {
        let add = |n: i64| send::<i64>(app, Call::new(Add::NAME, Add::OPTIONS, (n, 1)));
        // One is with the sender, and one in the queue.
        let mut calls = vec![add(0)];
        let waits = scope.spawn(move || [1, 2, 3].map(add));
        thread::sleep(Duration::from_millis(200));
        assert!(!waits.is_finished(), "the queue has room for one");
        redis.restart();
        let _worker = redis.worker(1, &[]);
        calls.extend(waits.join().expect("it does not panic"));
        for call in calls {
            let end = call.get_timeout(patience()).unwrap_or_else(|_| panic!("a handle does not end"));
            assert!(end.is_ok() || end.is_err_and(|error| error.kind == RemoteErrorKind::Broker));
        }
    });
}

fn arguments_are_shown_where_the_client_says_so() {
    let redis = Redis::start();
    for (log, expected) in [(false, r#""argsrepr":"...""#), (true, r#""argsrepr":"[1,\"secret\"]""#)] {
        let app = App::builder().broker(redis.url()).log_args(log).build().unwrap();
        send::<i64>(&app, Call::new(Echo::NAME, Echo::OPTIONS, (1, "secret"))).detach();
        app.flush();
        let message = redis.call(&["LINDEX", "rs", "0"]).to_string();
        assert!(message.contains(expected), "{message}");
    }
}

//! What happens to calls when something dies. Executions are counted by the server.

use std::env;
use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use celery_tests::redis::Reply;
use celery_tests::send;
use celery_tests::tasks::Abort;
use celery_tests::tasks::Add;
use celery_tests::tasks::Count;
use celery_tests::tasks::CountOnce;
use celery_tests::tasks::CountSlowFirst;

use crate::proxy::Break;
use crate::proxy::Proxy;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Process;
use crate::servers::Redis;
use crate::servers::patience;
use crate::servers::wait_until;
use crate::servers::worker_at;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: crash_worker_killed_rust_rust, crash_worker_frozen, crash_long_task_runs_once, crash_held_eta_runs_once,
        crash_poison_dead_letter, crash_task_that_kills_workers, crash_broker_restart_aof, crash_broker_restart_none,
        crash_listener_cut, crash_worker_cut_in_each_state, crash_client_cut_in_each_state, crash_full_noeviction,
        crash_full_lru, crash_client_killed, crash_sigterm_finishes_and_gives_back, crash_second_sigterm_gives_back_at_once,
        crash_killed_at_each_step, crash_sigterm_at_each_step, crash_at_most_once_when_asked, crash_half_an_entry_is_mended;
    Python: crash_worker_killed_rust_python, crash_worker_killed_python_rust, crash_worker_killed_python_python;
    Faketime: crash_clock_ahead;
};

/// A visibility timeout for tests, in milliseconds.
const SHORT: &str = "visibility=1000";

/// Makes a call that counts its runs under a key, and takes so long for the first time.
fn slow_first(redis: &Redis, app: &App, millis: u64) -> AsyncValue<Result<i64, RemoteError>> {
    send(app, Call::new(CountSlowFirst::NAME, CountSlowFirst::OPTIONS, (redis.port, "runs", millis)))
}

/// Makes a call that counts its runs under a key, then takes so long.
pub(crate) fn count(redis: &Redis, app: &App, key: &str, millis: u64) -> AsyncValue<Result<i64, RemoteError>> {
    send(app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, key.to_owned(), millis)))
}

fn get(call: AsyncValue<Result<i64, RemoteError>>) -> Result<i64, RemoteError> {
    call.get_timeout(patience()).unwrap_or_else(|_| panic!("the handle does not end"))
}

/// Nothing is left of calls that have ended.
fn nothing_is_left(redis: &Redis) {
    redis.wait_for(&["HLEN", "unacked"], 0);
    assert_eq!(redis.number(&["ZCARD", "unacked_index"]), 0);
    assert_eq!(redis.number(&["LLEN", "rs"]), 0);
}

fn worker_killed(first: impl FnOnce(&Redis) -> Process, second: impl FnOnce(&Redis) -> Process) {
    let redis = Redis::start();
    let mut killed = first(&redis);
    let app = redis.app();
    let call = slow_first(&redis, &app, 60_000);
    redis.wait_for(&["GET", "runs"], 1);
    killed.kill();
    let _second = second(&redis);
    assert_eq!(get(call), Ok(2));
    assert_eq!(redis.number(&["GET", "runs"]), 2);
    nothing_is_left(&redis);
}

fn rust(redis: &Redis) -> Process {
    redis.worker(1, &[SHORT])
}

/// A Python worker that runs calls in its one process, so that a kill reaches them.
fn python_solo(redis: &Redis) -> Process {
    redis.python_worker(&["-Q", "rs", "-P", "solo"], &[("VISIBILITY", "3")])
}

/// A Python worker that looks every second for messages to bring back.
fn python(redis: &Redis) -> Process {
    redis.python_worker(&["-Q", "rs"], &[("VISIBILITY", "3")])
}

fn crash_worker_killed_rust_rust() {
    worker_killed(rust, rust);
}

fn crash_worker_killed_rust_python() {
    worker_killed(rust, python);
}

fn crash_worker_killed_python_rust() {
    worker_killed(python_solo, rust);
}

fn crash_worker_killed_python_python() {
    worker_killed(python_solo, python);
}

fn crash_worker_frozen() {
    let redis = Redis::start();
    let mut frozen = rust(&redis);
    let app = App::builder().broker(redis.url()).keep_results(true).build().unwrap();
    let call = slow_first(&redis, &app, 3000);
    redis.wait_for(&["GET", "runs"], 1);
    frozen.signal("STOP");
    let _second = rust(&redis);
    assert_eq!(get(call), Ok(2), "the second run is the first to end");
    frozen.signal("CONT");
    // The first run ends before its worker does, and stores nothing over the result.
    frozen.signal("TERM");
    assert!(frozen.wait(), "it ends well");
    let Reply::List(keys) = redis.call(&["KEYS", "celery-task-meta-*"]) else { unreachable!() };
    let results: Vec<_> = keys.iter().map(|key| redis.call(&["GET", &key.to_string()]).to_string()).collect();
    assert!(results.iter().any(|text| text.starts_with(r#"{"status": "SUCCESS", "result": 2,"#)), "{results:?}");
    nothing_is_left(&redis);
}

fn crash_long_task_runs_once() {
    let redis = Redis::start();
    let _workers = [redis.worker(1, &["visibility=2500"]), redis.worker(1, &["visibility=2500"])];
    let app = redis.app();
    assert_eq!(get(count(&redis, &app, "runs", 6000)), Ok(1));
    assert_eq!(redis.number(&["GET", "runs"]), 1);
    nothing_is_left(&redis);
}

fn crash_held_eta_runs_once() {
    let redis = Redis::start();
    let _workers = [redis.worker(1, &["visibility=2500"]), redis.worker(1, &["visibility=2500"])];
    let app = redis.app();
    let options = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(6));
    let call = Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", 0)).with(options);
    assert_eq!(get(send(&app, call)), Ok(1));
    nothing_is_left(&redis);
    assert_eq!(redis.number(&["GET", "runs"]), 1);
}

fn crash_poison_dead_letter() {
    let redis = Redis::start();
    let poisons = ["not json", "{}", r#"{"body": "", "headers": {}, "properties": {}}"#, "[1, 2]", "\"\\ud800\""];
    for poison in poisons {
        redis.call(&["LPUSH", "rs", poison]);
    }
    let _worker = rust(&redis);
    redis.wait_for(&["LLEN", "rs.dead"], i64::try_from(poisons.len()).unwrap());
    assert_eq!(get(count(&redis, &redis.app(), "runs", 0)), Ok(1), "the worker goes on");
    assert_eq!(redis.call(&["LINDEX", "rs.dead", "-1"]), Reply::Text("not json".to_owned()));
    nothing_is_left(&redis);
}

fn crash_task_that_kills_workers() {
    let redis = Redis::start();
    let app = redis.app();
    let call = send::<()>(&app, Call::new(Abort::NAME, Abort::OPTIONS, (redis.port, "runs")));
    let options = ["visibility=300", "deliveries=3"];
    for _ in 0..3 {
        assert!(!redis.worker(1, &options).wait(), "it is aborted");
    }
    let _last = redis.worker(1, &options);
    let error = call.get_timeout(patience()).unwrap_or_else(|_| panic!("the handle does not end")).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::WorkerLost);
    assert_eq!((redis.number(&["GET", "runs"]), redis.number(&["LLEN", "rs.dead"])), (3, 1));
    nothing_is_left(&redis);
}

fn crash_broker_restart_aof() {
    let mut redis = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let app = redis.app();
    let calls: AsyncList<_> = (0..20).map(|_| count(&redis, &app, "runs", 0)).collect();
    app.flush();
    redis.stop();
    redis.restart();
    let _worker = rust(&redis);
    let mut values: Vec<_> = calls.get().into_iter().map(Result::unwrap).collect();
    values.sort_unstable();
    assert_eq!(values, (1..=20).collect::<Vec<_>>());
}

fn crash_broker_restart_none() {
    let mut redis = Redis::start();
    let _worker = rust(&redis);
    let app = redis.app();
    assert_eq!(get(count(&redis, &app, "before", 0)), Ok(1));
    // A queue that the worker does not serve, so that the call lies there when the server goes.
    let options = CallOptions::of(Count::OPTIONS).queue("nobody").result_timeout(Duration::from_secs(1));
    let lost = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", 0)).with(options));
    app.flush();
    redis.stop();
    redis.restart();
    assert_eq!(get(lost).unwrap_err().kind, RemoteErrorKind::Timeout);
    assert_eq!(get(count(&redis, &app, "after", 0)), Ok(1), "client and worker come back by themselves");
}

fn crash_listener_cut() {
    let redis = Redis::start();
    let app = redis.app();
    // A machine may stand still for once.
    let soon = (0..3).any(|_| is_looked_up_after_a_cut(&redis, &app) < Duration::from_secs(4));
    assert!(soon, "it is looked up as soon as the client listens again");
    let _worker = rust(&redis);
    assert_eq!(get(count(&redis, &app, "runs", 0)), Ok(1));
    assert_eq!(get(count(&redis, &app, "runs", 0)), Ok(2));
}

/// Stores a result while the client does not listen, and returns when its handle ends.
fn is_looked_up_after_a_cut(redis: &Redis, app: &App) -> Duration {
    let call = count(redis, app, "runs", 0);
    app.flush();
    let start = Instant::now();
    redis.call(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    // The result comes while nobody listens.
    let id = redis.call(&["LINDEX", "rs", "0"]).to_string();
    let id = id.split(r#""id":""#).nth(1).expect("a message has an id")[..36].to_owned();
    redis.call(&["SET", &format!("celery-task-meta-{id}"), r#"{"status": "SUCCESS", "result": 7}"#]);
    assert_eq!(get(call), Ok(7));
    redis.call(&["DEL", "rs"]);
    start.elapsed()
}

/// Runs a session with something between its parts that breaks at each piece of the traffic in turn, until the session is
/// shorter than that. A session has this many states at least.
pub(crate) fn for_each_state(least: usize, session: impl Fn(Break) -> bool) {
    for at in 0..400 {
        let broke = [Break::Before(at), Break::Within(at)].map(&session);
        if broke == [false, false] {
            assert!(at > least, "a session has more than {at} states");
            return;
        }
    }
    panic!("the session has no end");
}

fn crash_worker_cut_in_each_state() {
    let redis = Redis::start();
    for_each_state(20, |at| {
        let proxy = Proxy::start(redis.port, at, || {});
        // So long that only the worker itself brings back what it took without an answer.
        let start = || worker_at(&proxy.url(), 1, &["visibility=600000"]);
        let mut worker = start();
        let key = format!("{at:?}");
        let mut call = count(&redis, &redis.app(), &key, 0);
        let end = Instant::now() + patience();
        let value = loop {
            match call.get_timeout(Duration::from_millis(20)) {
                Ok(value) => break value,
                Err(pending) => call = pending,
            }
            assert!(Instant::now() < end, "{at:?}: the handle does not end");
            // A worker whose first questions are cut says so and ends.
            if !worker.runs() {
                worker = start();
            }
        };
        let runs = redis.number(&["GET", &key]);
        assert!(value.is_ok() && (1..=2).contains(&runs), "{at:?}: {value:?} after {runs} runs");
        nothing_is_left(&redis);
        proxy.has_broken()
    });
}

fn crash_client_cut_in_each_state() {
    let redis = Redis::start();
    let _worker = rust(&redis);
    for_each_state(8, |at| {
        let proxy = Proxy::start(redis.port, at, || {});
        let app = App::builder().broker(proxy.url()).build().unwrap();
        let key = format!("{at:?}");
        let value = get(count(&redis, &app, &key, 0));
        let runs = redis.number(&["GET", &key]);
        assert!(value.is_ok() && (1..=2).contains(&runs), "{at:?}: {value:?} after {runs} runs");
        proxy.has_broken()
    });
}

fn crash_full_noeviction() {
    let redis = Redis::start();
    let _worker = rust(&redis);
    let app = redis.app();
    let call = count(&redis, &app, "runs", 2500);
    redis.wait_for(&["GET", "runs"], 1);
    redis.call(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = get(count(&redis, &app, "runs", 0)).unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Broker);
    assert!(error.message.contains("OOM"), "{error}");
    thread::sleep(Duration::from_secs(3));
    assert!(!call.is_finished(), "its result cannot be stored");
    redis.call(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(get(call), Ok(1));
    assert_eq!(redis.number(&["GET", "runs"]), 1);
    nothing_is_left(&redis);
}

fn crash_full_lru() {
    let redis = Redis::start();
    let app = redis.app();
    let options = CallOptions::of(Count::OPTIONS).result_timeout(Duration::from_millis(1500));
    let lost = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", 0)).with(options));
    app.flush();
    redis.call(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    redis.call(&["CONFIG", "SET", "maxmemory", "1"]);
    redis.wait_for(&["DBSIZE"], 0);
    redis.call(&["CONFIG", "SET", "maxmemory", "0"]);
    let _worker = rust(&redis);
    assert_eq!(get(lost).unwrap_err().kind, RemoteErrorKind::Timeout);
    assert_eq!(redis.number(&["GET", "runs"]), 0);
}

fn crash_client_killed() {
    let redis = Redis::start();
    let mut client =
        Process::start(Command::new(env!("CARGO_BIN_EXE_client")).args([redis.url(), redis.port.to_string()]));
    redis.wait_for(&["LLEN", "rs"], 10);
    client.kill();
    let _worker = rust(&redis);
    redis.wait_for(&["GET", "runs"], 10);
    nothing_is_left(&redis);
    let Reply::List(keys) = redis.call(&["KEYS", "celery-task-meta-*"]) else { unreachable!() };
    assert_eq!(keys.len(), 10);
    for key in keys {
        let seconds = redis.number(&["TTL", &key.to_string()]);
        assert!((1..=3600).contains(&seconds), "{key} lives {seconds} s");
    }
}

fn crash_sigterm_finishes_and_gives_back() {
    let redis = Redis::start();
    let mut worker = redis.worker(1, &[]);
    let app = redis.app();
    let later = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(9));
    let held = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(later));
    redis.wait_for(&["HLEN", "unacked"], 1);
    let first = count(&redis, &app, "first", 4000);
    redis.wait_for(&["GET", "first"], 1);
    let queued: AsyncList<_> = (0..5).map(|_| count(&redis, &app, "queued", 0)).collect();
    app.flush();
    worker.signal("TERM");
    assert!(worker.wait(), "it ends well");
    assert_eq!(get(first), Ok(1), "what runs is finished");
    assert_eq!((redis.number(&["LLEN", "rs"]), redis.number(&["HLEN", "unacked"])), (6, 0));
    let _next = redis.worker(1, &[]);
    assert_eq!(get(held), Ok(1));
    assert_eq!(queued.get().into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 2, 3, 4, 5], "in their order");
    nothing_is_left(&redis);
}

fn crash_second_sigterm_gives_back_at_once() {
    let redis = Redis::start();
    let mut worker = redis.worker(2, &[]);
    let app = redis.app();
    let calls: AsyncList<_> = ["a", "b"].iter().map(|key| count(&redis, &app, key, 20_000)).collect();
    redis.wait_for(&["GET", "b"], 1);
    redis.wait_for(&["GET", "a"], 1);
    worker.signal("TERM");
    thread::sleep(Duration::from_millis(100));
    assert!(worker.runs(), "it waits for the calls that run");
    let start = Instant::now();
    worker.signal("INT");
    assert!(worker.wait(), "it ends well");
    assert!(start.elapsed() < Duration::from_secs(10));
    let front = redis.call(&["LINDEX", "rs", "-1"]).to_string();
    assert!(front.contains(r#""redelivered":true"#), "{front}");
    assert_eq!((redis.number(&["LLEN", "rs"]), redis.number(&["HLEN", "unacked"])), (2, 0));
    drop(calls);
}

/// Starts a worker that is cut off at this piece of its traffic, and gets a signal then.
pub(crate) fn signalled_worker(redis: &Redis, at: Break, signal: &'static str, options: &[&str]) -> (Proxy, Process) {
    let (tell, told) = channel::<u32>();
    let told = Mutex::new(told);
    let proxy = Proxy::start(redis.port, at, move || {
        if let Ok(id) = told.lock().expect("nothing panics").recv() {
            let _ = Command::new("kill").args([format!("-{signal}"), id.to_string()]).status();
        }
    });
    let worker = worker_at(&proxy.url(), 1, options);
    tell.send(worker.id()).expect("the proxy goes on");
    (proxy, worker)
}

/// Ends workers with a signal at each piece of their traffic, one after the other, while calls go on.
fn signalled_at_each_step(signal: &'static str, may_repeat: i64) {
    let redis = Redis::start();
    for_each_state(20, |at| {
        let Break::Before(_) = at else { return false };
        let (proxy, _first) = signalled_worker(&redis, at, signal, &["visibility=1500"]);
        let app = redis.app();
        let key = format!("{signal}{at:?}");
        let calls: AsyncList<_> = (0..3).map(|_| count(&redis, &app, &key, 0)).collect();
        // Whatever it had is another's, who would take all calls from a worker that is slow to start.
        wait_until("the first worker does something", || proxy.has_broken() || redis.number(&["GET", &key]) == 3);
        let _second = redis.worker(1, &["visibility=1500"]);
        let values = calls.get_timeout(patience()).unwrap_or_else(|_| panic!("{at:?}: a handle does not end"));
        let runs = redis.number(&["GET", &key]);
        assert!(values.iter().all(Result::is_ok), "{at:?}: {values:?}");
        assert!((3..=3 + may_repeat).contains(&runs), "{at:?}: {runs} runs of 3 calls");
        nothing_is_left(&redis);
        proxy.has_broken()
    });
}

fn crash_killed_at_each_step() {
    signalled_at_each_step("KILL", 1);
}

fn crash_sigterm_at_each_step() {
    // Its connections are cut besides, so what was under way may repeat.
    signalled_at_each_step("TERM", 1);
}

fn crash_at_most_once_when_asked() {
    let redis = Redis::start();
    let mut killed = rust(&redis);
    let app = redis.app();
    let options = CallOptions::of(CountOnce::OPTIONS).result_timeout(Duration::from_secs(3));
    let call =
        send::<i64>(&app, Call::new(CountOnce::NAME, CountOnce::OPTIONS, (redis.port, "runs", 5000)).with(options));
    redis.wait_for(&["GET", "runs"], 1);
    assert_eq!(redis.number(&["HLEN", "unacked"]), 0, "it is acknowledged before it runs");
    killed.kill();
    let _second = rust(&redis);
    assert_eq!(get(call).unwrap_err().kind, RemoteErrorKind::Timeout);
    assert_eq!(redis.number(&["GET", "runs"]), 1);
}

fn crash_half_an_entry_is_mended() {
    let redis = Redis::start();
    let app = redis.app();
    let call = count(&redis, &app, "runs", 0);
    app.flush();
    // As a crash between two commands of another worker leaves it: a message without a time, and a time without a message.
    let message = redis.call(&["RPOP", "rs"]).to_string();
    redis.call(&["HSET", "unacked", "some tag", &format!("[{message}, \"\", \"rs\"]")]);
    redis.call(&["ZADD", "unacked_index", "1", "another tag"]);
    redis.call(&["ZADD", "unacked_index", "1", "a third tag"]);
    redis.call(&["HSET", "unacked", "a third tag", "not json"]);
    let _worker = redis.worker(1, &["visibility=500"]);
    assert_eq!(get(call), Ok(1));
    nothing_is_left(&redis);
}

fn crash_clock_ahead() {
    let redis = Redis::start();
    let _right = redis.worker(1, &["visibility=20000"]);
    let app = redis.app();
    let call = count(&redis, &app, "runs", 2500);
    redis.wait_for(&["GET", "runs"], 1);
    // This worker believes that it is tomorrow.
    let mut ahead = Command::new("faketime");
    ahead.args(["-f", "+1d", env!("CARGO_BIN_EXE_worker"), &redis.url(), "1", "visibility=20000"]);
    let _ahead = Process::start(&mut ahead);
    assert_eq!(get(send(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1)))), Ok(2));
    assert_eq!(get(call), Ok(1));
    assert_eq!(redis.number(&["GET", "runs"]), 1, "the message stays with the worker whose clock is right");
}

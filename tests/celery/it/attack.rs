//! Attacks on the promises of CELERY.md: each of these tests has failed once.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::panic::panic_any;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::celery::OnPool;
use asynctools::celery::Threads;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use celery_tests::send;
use celery_tests::tasks::Add;
use celery_tests::tasks::Count;
use celery_tests::tasks::Echo;
use celery_tests::tasks::FailOnce;
use celery_tests::tasks::Long;
use celery_tests::tasks::Quiet;

use crate::interop::call;
use crate::interop::cancellable;
use crate::proxy::Break;
use crate::proxy::Proxy;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Process;
use crate::servers::Redis;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: a_call_from_the_end_of_a_call_does_not_wait_for_itself,
        scripts_that_the_server_has_forgotten_are_loaded_again, a_call_that_is_too_large_is_told,
        a_panic_whose_payload_panics_does_not_end_the_sender, an_endless_grace_gives_back_too,
        an_endless_life_of_results, a_stop_gives_back_though_unused_connections_are_broken,
        many_dead_lines_are_replaced_as_soon_as_one, a_cut_and_a_signal_in_each_state_leave_nothing,
        a_cancelled_call_in_the_hands_of_the_sender_is_revoked, a_timeout_counts_while_a_call_waits_to_be_sent,
        many_calls_end_as_soon_as_one_where_there_is_no_broker, a_call_that_runs_is_not_revoked_by_another_worker,
        a_closed_pool_takes_no_messages, a_lost_message_of_an_exchange_goes_to_its_queue,
        a_server_that_loads_its_data_is_asked_again, threads_that_come_and_go_at_once_are_counted,
        a_wait_for_a_call_of_another_client_ends_without_a_backend, a_huge_count_of_deliveries_is_the_last,
        a_time_after_all_times_is_refused, a_flush_in_the_end_of_a_call_returns, at_most_once_holds_for_retries_too,
        a_given_up_call_whose_result_waits_delays_no_other, a_prefix_may_have_marks_of_patterns,
        endless_times_are_no_limits, a_panic_of_arguments_is_told_without_a_broker,
        a_dropped_client_does_not_listen_on, a_revoked_call_is_not_held_until_its_time,
        refused_calls_go_back_and_are_not_taken_at_once, a_ticket_that_was_cancelled_sends_nothing;
};

const SECONDS: Duration = Duration::from_secs(20);

fn count(redis: &Redis, app: &App, key: &str, millis: u64) -> AsyncValue<Result<i64, RemoteError>> {
    send(app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, key.to_owned(), millis)))
}

fn a_call_from_the_end_of_a_call_does_not_wait_for_itself() {
    let redis = Redis::start();
    let app = App::builder().broker(redis.url()).queue(1).build().unwrap();
    let (tell, told) = channel();
    let port = redis.port;
    thread::spawn(move || {
        for n in 0..200 {
            let (next, tell) = (app.clone(), tell.clone());
            app.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (port, "a")), move |_| {
                next.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (port, "b")), move |_| tell.send(n).unwrap());
            });
        }
    });
    for n in 0..200 {
        told.recv_timeout(SECONDS).unwrap_or_else(|_| panic!("only {n} of 200 calls have ended"));
    }
}

fn a_flush_in_the_end_of_a_call_returns() {
    let redis = Redis::start();
    let app = redis.app();
    let (tell, told) = channel();
    let next = app.clone();
    app.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (redis.port, "a")), move |_| {
        next.flush();
        tell.send(()).unwrap();
    });
    told.recv_timeout(SECONDS).expect("flush in a `done` returns");
}

fn scripts_that_the_server_has_forgotten_are_loaded_again() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
    let first = count(&redis, &app, "runs", 1000);
    redis.wait_for(&["GET", "runs"], 1);
    redis.call(&["SCRIPT", "FLUSH"]);
    let first = first.get_timeout(SECONDS);
    let second = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1))).get_timeout(SECONDS);
    assert!(first.is_ok() && second.is_ok());
}

fn a_call_that_is_too_large_is_told() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let call = send::<String>(&app, Call::new(Echo::NAME, Echo::OPTIONS, ("x".repeat(13 << 20),)));
    let end = call.get_timeout(SECONDS);
    let error = end.expect("the handle ends").unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Content);
}

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(thread::panicking(), "and once more");
    }
}

fn a_panic_whose_payload_panics_does_not_end_the_sender() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let (tell, told) = channel();
    let bomb = Call::written("t", CallOptions::of(TaskOptions::DEFAULT), || panic_any(Bomb));
    app.send(bomb, move |answer: Answer| tell.send(answer).unwrap());
    let first = told.recv_timeout(SECONDS);
    let second = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1))).get_timeout(SECONDS);
    assert!(first.is_ok() && second.is_ok(), "{} {}", first.is_ok(), second.is_ok());
}

fn an_endless_grace_gives_back_too() {
    let redis = Redis::start();
    let mut worker = redis.worker(1, &["forever_grace=1"]);
    let app = redis.app();
    let later = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(900));
    let _held = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(later));
    redis.wait_for(&["HLEN", "unacked"], 1);
    thread::sleep(Duration::from_millis(300));
    worker.signal("TERM");
    let well = worker.wait();
    assert!(well);
    assert_eq!((redis.number(&["LLEN", "rs"]), redis.number(&["HLEN", "unacked"])), (1, 0));
}

fn an_endless_life_of_results() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["forever_result=1"]);
    let app = redis.app();
    let end = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1))).get_timeout(SECONDS);
    assert!(end.is_ok(), "the handle does not end");
}

fn a_stop_gives_back_though_unused_connections_are_broken() {
    let redis = Redis::start();
    let mut worker = redis.worker(4, &[]);
    let app = redis.app();
    let calls: AsyncList<_> = (0..4).map(|_| count(&redis, &app, "runs", 300)).collect();
    drop(calls.get());
    let later = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(900));
    let _held = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(later));
    redis.wait_for(&["HLEN", "unacked"], 1);
    thread::sleep(Duration::from_millis(300));
    worker.signal("TERM");
    assert!(worker.wait(), "it ends well");
    assert_eq!((redis.number(&["LLEN", "rs"]), redis.number(&["HLEN", "unacked"])), (1, 0));
}

fn many_dead_lines_are_replaced_as_soon_as_one() {
    let redis = Redis::start();
    let line = Proxy::whole(redis.port);
    let mut worker = Command::new(env!("CARGO_BIN_EXE_worker"));
    let _worker = Process::start(worker.args([&line.url(), "16"]));
    let app = redis.app();
    let calls: AsyncList<_> = (0..32).map(|_| count(&redis, &app, "runs", 500)).collect();
    drop(calls.get());
    line.go_dead();
    let start = Instant::now();
    let next = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 2)));
    assert!(next.get_timeout(Duration::from_secs(150)).is_ok());
    assert!(start.elapsed() < Duration::from_secs(35));
}

fn a_cut_and_a_signal_in_each_state_leave_nothing() {
    let redis = Redis::start();
    let mut lost = Vec::new();
    for n in 0..160 {
        let at = if n % 2 == 0 { Break::Before(n / 2) } else { Break::Within(n / 2) };
        let pid = Arc::new(AtomicU32::new(0));
        let signalled = pid.clone();
        let proxy = Proxy::start(redis.port, at, move || {
            let pid = loop {
                match signalled.load(Ordering::SeqCst) {
                    0 => thread::yield_now(),
                    pid => break pid.to_string(),
                }
            };
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
        });
        let app = redis.app();
        let calls: AsyncList<_> = (0..3).map(|_| count(&redis, &app, "key", 0)).collect();
        app.flush();
        let mut worker =
            Process::start(Command::new(env!("CARGO_BIN_EXE_worker")).args([&proxy.url(), "1", "visibility=600000"]));
        pid.store(worker.id(), Ordering::SeqCst);
        let end = Instant::now() + SECONDS;
        while !proxy.has_broken() && Instant::now() < end && !calls.is_finished() {
            thread::sleep(Duration::from_millis(1));
        }
        if !proxy.has_broken() {
            break;
        }
        worker.wait();
        let left = redis.number(&["HLEN", "unacked"]);
        if left > 0 {
            lost.push((at, left));
        }
        redis.call(&["FLUSHALL"]);
    }
    assert!(lost.is_empty(), "unacked after the end: {lost:?}");
}

fn a_cancelled_call_in_the_hands_of_the_sender_is_revoked() {
    let redis = Redis::start();
    let app = redis.app();
    let (open, gate) = channel::<()>();
    let (open2, gate2) = channel::<()>();
    let (taken, is_taken) = channel::<()>();
    let options = || CallOptions::of(Count::OPTIONS);
    app.send(
        Call::written("x", options(), move || {
            let _ = gate.recv();
            Ok("[]".to_owned())
        }),
        |_| {},
    );
    thread::sleep(Duration::from_millis(200));
    app.send(
        Call::written("x", options(), move || {
            taken.send(()).unwrap();
            let _ = gate2.recv();
            Ok("[]".to_owned())
        }),
        |_| {},
    );
    let (ticket, value) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    open.send(()).unwrap();
    is_taken.recv().unwrap();
    let cancelled = ticket.cancel();
    open2.send(()).unwrap();
    app.flush();
    thread::sleep(Duration::from_millis(500));
    let noted = redis.number(&["ZCARD", "celery-revoked"]);
    assert!(cancelled || value.is_finished() || noted == 1, "the cancellation is lost");
}

fn a_timeout_counts_while_a_call_waits_to_be_sent() {
    // Nobody answers here, though one can connect.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let app = App::builder().broker(url).build().unwrap();
    let start = Instant::now();
    let options = || CallOptions::of(Add::OPTIONS).result_timeout(Duration::from_secs(1));
    let calls: Vec<_> =
        (0..150).map(|_| send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1)).with(options()))).collect();
    let end = start + Duration::from_secs(15);
    let mut late = 0;
    for call in calls {
        late += usize::from(call.get_timeout(end.saturating_duration_since(Instant::now())).is_err());
    }
    assert_eq!(late, 0, "of 150 calls with a result_timeout of 1 s have not ended after 15 s");
    drop(listener);
}

fn many_calls_end_as_soon_as_one_where_there_is_no_broker() {
    let app = App::builder().broker("redis://127.0.0.1:1").build().unwrap();
    let start = Instant::now();
    let calls: Vec<_> = (0..450).map(|_| send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1)))).collect();
    for (n, call) in calls.into_iter().enumerate() {
        let _ = call.get_timeout(Duration::from_secs(200));
        if n % 100 == 99 || n == 449 {}
    }
    assert!(start.elapsed() < Duration::from_secs(60));
}

fn a_call_that_runs_is_not_revoked_by_another_worker() {
    let redis = Redis::start();
    let _workers = [redis.worker(1, &[]), redis.worker(1, &[])];
    redis.wait_for_answers(2);
    let app = redis.app();
    let (promise, value) = AsyncValue::promise();
    let ticket = app.ticket();
    ticket.send(Call::new(Count::NAME, Count::OPTIONS, (redis.port, "runs", 4000)), move |answer: Answer| {
        promise.set(answer.into_value::<i64>());
    });
    redis.wait_for(&["GET", "runs"], 1);
    assert!(!ticket.cancel());
    let end = value.get_timeout(SECONDS).expect("it ends");
    assert_eq!(end, Ok(1), "the call has begun, so it gives its value");
}

fn a_closed_pool_takes_no_messages() {
    let redis = Redis::start();
    let app = redis.app();
    let pool = Arc::new(OnPool(Pool::new(2)));
    let worker = asynctools::celery::worker().on(pool.clone()).broker(redis.url()).task::<Count>().task::<Add>();
    thread::spawn(move || worker.run());
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
    pool.0.close();
    let _calls: Vec<_> = (0..20).map(|_| count(&redis, &app, "runs", 0)).collect();
    app.flush();
    thread::sleep(Duration::from_secs(3));
    assert_eq!(redis.number(&["HLEN", "unacked"]), 0);
}

fn a_lost_message_of_an_exchange_goes_to_its_queue() {
    let redis = Redis::start();
    let app = redis.app();
    let _call = count(&redis, &app, "runs", 0);
    app.flush();
    let message = redis.call(&["RPOP", "rs"]).to_string();
    // As a Python worker that has died leaves a message of `Queue("rs", Exchange("media"), routing_key="media.image")`.
    redis.call(&["SADD", "_kombu.binding.media", "media.image\u{6}\u{16}\u{6}\u{16}rs"]);
    redis.call(&["HSET", "unacked", "tag", &format!("[{message}, \"media\", \"media.image\"]")]);
    redis.call(&["ZADD", "unacked_index", "1", "tag"]);
    let _worker = redis.worker(1, &["visibility=500"]);
    let end = Instant::now() + Duration::from_secs(8);
    while redis.number(&["GET", "runs"]) == 0 && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(redis.number(&["LLEN", "media.image"]), 0);
    assert_eq!(redis.number(&["GET", "runs"]), 1);
}

fn a_server_that_loads_its_data_is_asked_again() {
    let redis = Redis::start();
    // A server that loads its data for a second.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let port = redis.port;
    thread::spawn(move || {
        let start = Instant::now();
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut server = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
                let mut buffer = vec![0; 65536];
                let (mut back, mut from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut back));
                while let Ok(length @ 1..) = client.read(&mut buffer) {
                    let loads = start.elapsed() < Duration::from_secs(1);
                    if loads && String::from_utf8_lossy(&buffer[..length]).contains("LPUSH") {
                        client.write_all(b"-LOADING Redis is loading the dataset in memory\r\n").unwrap();
                    } else {
                        server.write_all(&buffer[..length]).unwrap();
                    }
                }
            });
        }
    });
    let _worker = redis.worker(1, &[]);
    let app = App::builder().broker(url).build().unwrap();
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
}

fn threads_that_come_and_go_at_once_are_counted() {
    let pool = Arc::new(OnPool(Pool::new(100)));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    pool.grow();
                    pool.shrink();
                }
            });
        }
    });
    assert_eq!(pool.count(), 100);
}

fn a_wait_for_a_call_of_another_client_ends_without_a_backend() {
    let app = App::builder().broker("redis://127.0.0.1:1").build().unwrap();
    let (tell, told) = channel();
    app.attach("some-id", move |answer: Answer| tell.send(answer).unwrap());
    told.recv_timeout(Duration::from_secs(60)).expect("it ends");
}

fn a_huge_count_of_deliveries_is_the_last() {
    let redis = Redis::start();
    let app = redis.app();
    let poison = r#"{"body":"W1tdLHt9LHt9XQ==","content-type":"application/json","headers":{"id":"a","task":"rs.none","x-delivery-count":4294967295},"properties":{"body_encoding":"base64"}}"#;
    redis.call(&["HSET", "unacked", "tag", &format!("[{poison}, \"\", \"rs\"]")]);
    redis.call(&["ZADD", "unacked_index", "1", "tag"]);
    let _worker = redis.worker(1, &["visibility=500"]);
    redis.wait_for(&["HLEN", "unacked"], 0);
    // The keeper lives: it starts delayed calls.
    let later = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(1));
    let held = send::<i64>(&app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(later));
    assert!(held.get_timeout(SECONDS).is_ok(), "the keeper is gone");
}

fn a_time_after_all_times_is_refused() {
    let redis = Redis::start();
    for eta in ["999999-1-1T00:00:00", "2023-11-14T22:13:20+00:60", "9999-12-31T23:59:60"] {
        let poison = format!(
            r#"{{"body":"W1tdLHt9LHt9XQ==","content-type":"application/json","headers":{{"id":"a","task":"rs.none","expires":"{eta}"}},"properties":{{"body_encoding":"base64"}}}}"#
        );
        redis.call(&["LPUSH", "rs", &poison]);
    }
    let _worker = redis.worker(1, &["visibility=500"]);
    redis.wait_for(&["LLEN", "rs"], 0);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(redis.number(&["HLEN", "unacked"]), 0, "stuck");
}

fn at_most_once_holds_for_retries_too() {
    let redis = Redis::start();
    let mut many = Vec::new();
    // The states in which a retry is under way, and some around them.
    for n in 116..138 {
        let at = if n % 2 == 0 { Break::Before(n / 2) } else { Break::Within(n / 2) };
        let proxy = Proxy::start(redis.port, at, || {});
        let app = redis.app();
        let options = CallOptions::of(FailOnce::OPTIONS).result_timeout(Duration::from_secs(2));
        let call = send::<i64>(&app, Call::new(FailOnce::NAME, FailOnce::OPTIONS, (redis.port, "runs")).with(options));
        app.flush();
        let start = || {
            Process::start(Command::new(env!("CARGO_BIN_EXE_worker")).args([&proxy.url(), "1", "visibility=600000"]))
        };
        let mut worker = start();
        let mut call = Some(call);
        while let Err(pending) = call.take().unwrap().get_timeout(Duration::from_millis(20)) {
            call = Some(pending);
            if !worker.runs() {
                worker = start();
            }
        }
        thread::sleep(Duration::from_millis(1500));
        let runs = redis.number(&["GET", "runs"]);
        if runs > 2 {
            many.push((at, runs));
        }
        redis.call(&["FLUSHALL"]);
        if !proxy.has_broken() {
            break;
        }
    }
    assert!(many.is_empty(), "more than two runs: {many:?}");
}

fn keeper_with_backend_gone(given_up: bool) -> i64 {
    let redis = Redis::start();
    let mut backend = Redis::start();
    let url = format!("backend={}", backend.url());
    let _first = redis.worker(2, &["visibility=3000", &url]);
    redis.wait_for_worker();
    let app = App::builder().broker(redis.url()).backend(backend.url()).build().unwrap();
    let _long = count(&redis, &app, "runs", 14_000);
    if given_up {
        let _given_up = send::<i64>(&app, Call::new(Long::NAME, Long::OPTIONS, (redis.port, "long", 20_000)));
        redis.wait_for(&["GET", "long"], 1);
    }
    redis.wait_for(&["GET", "runs"], 1);
    let _second = redis.worker(2, &["visibility=3000", &url]);
    thread::sleep(Duration::from_secs(1));
    backend.stop();
    thread::sleep(Duration::from_secs(10));
    redis.number(&["GET", "runs"])
}

fn a_given_up_call_whose_result_waits_delays_no_other() {
    let without = keeper_with_backend_gone(false);
    let with = keeper_with_backend_gone(true);
    assert_eq!((without, with), (1, 1));
}

fn a_prefix_may_have_marks_of_patterns() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["backend_prefix=[a]:"]);
    let app = App::builder().broker(redis.url()).backend_global_keyprefix("[a]:").build().unwrap();
    redis.wait_for_worker();
    let start = Instant::now();
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
    assert!(start.elapsed() < Duration::from_secs(4));
}

fn endless_times_are_no_limits() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let options = TaskOptions {
        soft_time_limit: Some(Duration::MAX),
        expires: Some(Duration::MAX),
        result_timeout: Some(Duration::MAX),
        ..Add::OPTIONS
    };
    let end = send::<i64>(&redis.app(), Call::new(Add::NAME, options, (1, 1))).get_timeout(SECONDS);
    assert_eq!(end.expect("it ends"), Ok(2));
}

fn a_panic_of_arguments_is_told_without_a_broker() {
    let app = App::local(|job| drop(thread::spawn(job)));
    let (tell, told) = channel();
    let bad = Call::written("t", CallOptions::of(TaskOptions::DEFAULT), || panic!("no"));
    app.send(bad, move |answer: Answer| tell.send(answer).unwrap());
    let error = told.recv_timeout(SECONDS).expect("it ends").into_value::<()>().unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::BadArguments);
}

fn a_dropped_client_does_not_listen_on() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    for _ in 0..20 {
        let app = redis.app();
        assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2));
    }
    thread::sleep(Duration::from_secs(2));
    let clients = redis.call(&["CLIENT", "LIST"]).to_string();
    let listening = clients.lines().filter(|line| line.contains(" psub=1")).count();
    assert_eq!(listening, 0);
}

fn a_revoked_call_is_not_held_until_its_time() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let later = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(900));
    let ticket = app.ticket();
    let (tell, told) = channel();
    let call = Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(later);
    ticket.send(call, move |answer: Answer| tell.send(answer).unwrap());
    redis.wait_for(&["HLEN", "unacked"], 1);
    redis.wait_for_answers(1);
    ticket.cancel();
    let error = told.recv_timeout(SECONDS).expect("it ends").into_value::<()>().unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Revoked);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(
        redis.number(&["HLEN", "unacked"]),
        0,
        "the message is kept until its time, when the revocation may be forgotten"
    );
}

/// Threads that drop their jobs for some time, as those of a pool do that gets no thread of the system.
#[derive(Default)]
struct Refusing {
    takes: AtomicBool,
}

impl Threads for Refusing {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        if self.takes.load(Ordering::SeqCst) {
            thread::spawn(job);
        }
    }

    fn count(&self) -> usize {
        1
    }

    fn grow(&self) {}

    fn shrink(&self) {}
}

fn refused_calls_go_back_and_are_not_taken_at_once() {
    let redis = Redis::start();
    let app = redis.app();
    let calls: AsyncList<_> = (0..4).map(|_| count(&redis, &app, "runs", 0)).collect();
    app.flush();
    let threads = Arc::new(Refusing::default());
    let worker = asynctools::celery::worker().on(threads.clone()).broker(redis.url()).task::<Count>();
    thread::spawn(move || worker.run());
    thread::sleep(Duration::from_secs(4));
    let scripts = redis.call(&["INFO", "commandstats"]).to_string();
    let scripts = scripts.split("cmdstat_evalsha:calls=").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
    assert!(scripts.is_some_and(|scripts: u32| scripts < 60), "{scripts:?} scripts in four seconds");
    threads.takes.store(true, Ordering::SeqCst);
    let values = calls.get_timeout(SECONDS).expect("the handles end");
    assert!(values.iter().all(Result::is_ok), "{values:?}");
}

/// A handle whose last argument arrives can be cancelled at any moment, also before the call is in the outbox.
fn a_ticket_that_was_cancelled_sends_nothing() {
    let redis = Redis::start();
    let app = redis.app();
    let ticket = app.ticket();
    ticket.cancel();
    let (tell, told) = channel();
    ticket.send(Call::new(Add::NAME, Add::OPTIONS, (1, 1)), move |answer: Answer| tell.send(answer).unwrap());
    app.flush();
    assert_eq!(redis.number(&["LLEN", "rs"]), 0, "the call is sent");
    let error = told.recv_timeout(SECONDS).expect("it ends").into_value::<()>().unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Cancelled);
}

//! Promises of a worker that hold when its server forgets, its connections break, its threads go, or a message is strange.

use std::sync::Arc;
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
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use celery_tests::answer;
use celery_tests::redis::Reply;
use celery_tests::send;
use celery_tests::tasks::Add;
use celery_tests::tasks::Close;
use celery_tests::tasks::Count;
use celery_tests::tasks::CountUntil;
use celery_tests::tasks::CountUntilOnce;
use celery_tests::tasks::Echo;
use celery_tests::tasks::FailOnce;
use celery_tests::tasks::Large;
use celery_tests::tasks::Long;
use celery_tests::tasks::Quiet;
use celery_tests::tasks::Refusing;

use crate::crash::count;
use crate::crash::for_each_state;
use crate::crash::signalled_worker;
use crate::interop::call;
use crate::interop::kind;
use crate::interop::send_at;
use crate::proxy::Proxy;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Redis;
use crate::servers::patience;
use crate::servers::wait_until;
use crate::servers::worker_at;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: many_dead_lines_are_replaced_as_soon_as_one, at_most_once_holds_for_retries_too,
        a_given_up_call_whose_result_waits_delays_no_other, a_cut_and_a_signal_in_each_state_leave_nothing,
        scripts_that_the_server_has_forgotten_are_loaded_again, a_call_that_is_too_large_is_told,
        a_result_that_is_too_large_is_told,
        an_acknowledged_call_that_runs_is_not_revoked_by_another_worker,
        an_endless_grace_gives_back_too, an_endless_life_of_results,
        a_stop_gives_back_though_unused_connections_are_broken, a_call_that_runs_is_not_revoked_by_another_worker,
        a_closed_pool_takes_no_messages, a_lost_message_of_an_exchange_goes_to_its_queue,
        a_huge_count_of_deliveries_is_the_last, a_time_after_all_times_is_refused,
        a_revoked_call_is_not_held_until_its_time, refused_calls_go_back_and_are_not_taken_at_once;
    Nothing: threads_that_come_and_go_at_once_are_counted;
};

/// So long that only the worker itself brings back what it has.
const OWN: &str = "visibility=600000";

/// Makes a call that counts its runs under a key, then waits for the key `gate`.
fn gated(redis: &Redis, app: &App, key: &'static str) -> AsyncValue<Answer> {
    answer(app, Call::new(CountUntil::NAME, CountUntil::OPTIONS, (redis.port, key, "gate")))
}

/// Ends the calls that wait for the key `gate`, and returns their values.
fn open(redis: &Redis, calls: impl IntoIterator<Item = AsyncValue<Answer>>) -> Vec<i64> {
    redis.call(&["SET", "gate", ""]);
    let values = calls.into_iter().map(|call| {
        let answer = call.get_timeout(patience()).unwrap_or_else(|_| panic!("a call that may end does not"));
        answer.into_value().expect("a call that may end gives its value")
    });
    values.collect()
}

/// A call whose time does not come in a test.
fn much_later(redis: &Redis) -> Call {
    let later = CallOptions::of(Count::OPTIONS).countdown(Duration::from_secs(900));
    Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(later)
}

fn given_back(redis: &Redis) {
    let left = (redis.number(&["LLEN", "rs"]), redis.number(&["HLEN", "unacked"]));
    assert_eq!(left, (1, 0), "the message that the worker held is in its queue again");
}

/// Leaves a message as a worker does that has died at this time of the server.
fn leave(redis: &Redis, message: &str, exchange: &str, key: &str, time: &str) {
    redis.call(&["HSET", "unacked", "tag", &format!("[{message}, \"{exchange}\", \"{key}\"]")]);
    redis.call(&["ZADD", "unacked_index", time, "tag"]);
}

/// A message with these headers and no arguments.
fn message(headers: &str) -> String {
    let headers = format!(r#"{{"id":"a","task":"rs.none",{headers}}}"#);
    let about = r#""content-type":"application/json","properties":{"body_encoding":"base64"}"#;
    format!(r#"{{"body":"W1tdLHt9LHt9XQ==","headers":{headers},{about}}}"#)
}

fn scripts_that_the_server_has_forgotten_are_loaded_again() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "the worker has loaded its scripts");
    let first = gated(&redis, &app, "runs");
    redis.wait_for(&["GET", "runs"], 1);
    redis.call(&["SCRIPT", "FLUSH"]);
    assert_eq!(open(&redis, [first]), [1], "the call that ran when the scripts were forgotten");
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "a call after that");
}

fn a_call_that_is_too_large_is_told() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let large = answer(&redis.app(), Call::new(Echo::NAME, Echo::OPTIONS, ("x".repeat(13 << 20),)));
    assert_eq!(kind(large), RemoteErrorKind::Content, "the caller is told that the worker refuses the message");
}

/// The server ends the connection, as it does by default for more than 512 MB.
fn a_result_that_is_too_large_is_told() {
    let redis = Redis::start();
    redis.call(&["CONFIG", "SET", "proto-max-bulk-len", "1048576"]);
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    for bytes in [2 << 20, 40 << 20] {
        let large = answer(&app, Call::new(Large::NAME, Large::OPTIONS, (bytes,)));
        assert_eq!(kind(large), RemoteErrorKind::BadResult, "the caller is told that the server takes no such result");
        assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "the only thread goes on");
    }
    redis.wait_for_nothing();
}

fn an_endless_grace_gives_back_too() {
    let redis = Redis::start();
    let mut worker = redis.worker(1, &["forever_grace=1"]);
    let app = redis.app();
    let _held = answer(&app, much_later(&redis));
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "the only thread holds the first call, and is free again");
    worker.signal("TERM");
    assert!(worker.wait(), "the worker ends well");
    given_back(&redis);
}

fn an_endless_life_of_results() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["forever_result=1"]);
    assert_eq!(call::<Add, i64>(&redis.app(), (1, 1)), Ok(2), "a life that no server can add is cut");
}

fn a_stop_gives_back_though_unused_connections_are_broken() {
    let redis = Redis::start();
    let mut worker = redis.worker(4, &[]);
    let app = redis.app();
    let _held = answer(&app, much_later(&redis));
    redis.wait_for(&["HLEN", "unacked"], 1);
    let calls = [(); 4].map(|()| gated(&redis, &app, "runs"));
    redis.wait_for(&["GET", "runs"], 4);
    // Each thread has a connection, which is unused after this.
    assert_eq!(open(&redis, calls).len(), 4, "all calls end");
    worker.signal("STOP");
    redis.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    worker.signal("TERM");
    worker.signal("CONT");
    assert!(worker.wait(), "the worker ends well");
    given_back(&redis);
}

/// This takes 20 seconds, since the server may take so long for an answer to a worker that waits.
fn many_dead_lines_are_replaced_as_soon_as_one() {
    let redis = Redis::start();
    let line = Proxy::whole(redis.port);
    let _worker = worker_at(&line.url(), 16, &[]);
    let app = redis.app();
    let calls = [(); 16].map(|()| gated(&redis, &app, "runs"));
    redis.wait_for(&["GET", "runs"], 16);
    assert_eq!(open(&redis, calls).len(), 16, "all calls end");
    line.go_dead();
    let start = Instant::now();
    let next = send::<i64>(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 2)));
    let value = next.get_timeout(2 * patience()).unwrap_or_else(|_| panic!("the worker waits at its dead lines"));
    assert_eq!(value, Ok(3), "a call after the cut gives its value");
    assert!(start.elapsed() < Duration::from_secs(35), "the worker does not wait at one dead line after the other");
}

fn a_cut_and_a_signal_in_each_state_leave_nothing() {
    let redis = Redis::start();
    for_each_state(20, |at| {
        let app = redis.app();
        let calls: AsyncList<_> = (0..3).map(|_| count(&redis, &app, "runs", 0)).collect();
        app.flush();
        let (proxy, mut worker) = signalled_worker(&redis, at, "TERM", &[OWN]);
        wait_until("the worker is cut off, or runs all calls", || proxy.has_broken() || calls.is_finished());
        let broke = proxy.has_broken();
        if broke {
            worker.wait();
            assert_eq!(redis.number(&["HLEN", "unacked"]), 0, "{at:?}: what the worker had is in its queue again");
        }
        let _next = redis.worker(1, &[OWN]);
        let values = calls.get_timeout(patience()).unwrap_or_else(|_| panic!("{at:?}: a call is lost"));
        assert!(values.iter().all(Result::is_ok), "{at:?}: the calls give their values: {values:?}");
        broke
    });
}

/// Cancels a call that runs on one of two workers.
fn is_cancelled_while_it_runs<K: Task>() {
    let redis = Redis::start();
    let _workers = [redis.worker(1, &[]), redis.worker(1, &[])];
    redis.wait_for_answers(2);
    let app = redis.app();
    let ticket = app.ticket();
    let value = send_at(&ticket, Call::new(K::NAME, K::OPTIONS, (redis.port, "runs", "gate")));
    redis.wait_for(&["GET", "runs"], 1);
    assert!(!ticket.cancel(), "a call that was sent may run");
    redis.wait_for(&["ZCARD", "celery-revoked"], 1);
    // Workers answer in the order of the commands, so both have heard of the revocation before.
    redis.wait_for_answers(2);
    assert_eq!(open(&redis, [value]), [1], "a call that has begun gives its value");
}

fn a_call_that_runs_is_not_revoked_by_another_worker() {
    is_cancelled_while_it_runs::<CountUntil>();
}

/// The worker that has taken it has acknowledged it, so that the message is nowhere.
fn an_acknowledged_call_that_runs_is_not_revoked_by_another_worker() {
    is_cancelled_while_it_runs::<CountUntilOnce>();
}

fn a_closed_pool_takes_no_messages() {
    let redis = Redis::start();
    let _closed = redis.worker(2, &["pool=1", OWN, "hostname=closed@here"]);
    let app = redis.app();
    assert_eq!(call::<Close, ()>(&app, (redis.port, "closed")), Ok(()), "the pool runs calls before");
    redis.wait_for(&["GET", "closed"], 1);
    let calls: AsyncList<_> = (0..20).map(|_| count(&redis, &app, "runs", 0)).collect();
    app.flush();
    // The worker has time for all of them, and answers.
    redis.wait_for_answers(1);
    let _open = redis.worker(2, &[OWN, "hostname=open@here"]);
    let values = calls.get_timeout(patience()).unwrap_or_else(|_| panic!("a worker without threads has a message"));
    assert!(values.iter().all(Result::is_ok), "another worker runs the calls: {values:?}");
}

fn a_lost_message_of_an_exchange_goes_to_its_queue() {
    let redis = Redis::start();
    let app = redis.app();
    let call = count(&redis, &app, "runs", 0);
    app.flush();
    let message = redis.call(&["RPOP", "rs"]).to_string();
    // As a Python worker leaves a message of `Queue("rs", Exchange("media"), routing_key="media.image")`.
    redis.call(&["SADD", "_kombu.binding.media", "media.image\u{6}\u{16}\u{6}\u{16}rs"]);
    leave(&redis, &message, "media", "media.image", "1");
    let _worker = redis.worker(1, &["visibility=500"]);
    let value = call.get_timeout(patience()).unwrap_or_else(|_| panic!("the message is in no queue"));
    assert_eq!(value, Ok(1), "the message goes to the queue that is bound to the key");
    assert_eq!(redis.number(&["LLEN", "media.image"]), 0, "the key is no queue");
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
    assert_eq!(pool.count(), 100, "each thread that came has gone");
}

fn a_huge_count_of_deliveries_is_the_last() {
    let redis = Redis::start();
    leave(&redis, &message(r#""x-delivery-count":4294967295"#), "", "rs", "1");
    let _worker = redis.worker(1, &["visibility=500"]);
    redis.wait_for(&["LLEN", "rs.dead"], 1);
    let soon = CallOptions::of(Count::OPTIONS).countdown(Duration::from_millis(100));
    let held = Call::new(Count::NAME, Count::OPTIONS, (redis.port, "held", 0)).with(soon);
    let value = send::<i64>(&redis.app(), held).get_timeout(patience());
    assert_eq!(value.ok(), Some(Ok(1)), "the keeper goes on: it starts a call whose time has come");
}

fn a_time_after_all_times_is_refused() {
    let redis = Redis::start();
    let times = ["999999-1-1T00:00:00", "2023-11-14T22:13:20+00:60", "9999-12-31T23:59:60"];
    for time in times {
        redis.call(&["LPUSH", "rs", &message(&format!(r#""expires":"{time}""#))]);
    }
    let app = redis.app();
    let after = answer(&app, Call::new(Add::NAME, Add::OPTIONS, (1, 1)));
    let _worker = redis.worker(1, &[OWN]);
    assert_eq!(open(&redis, [after]), [2], "the thread of the worker goes on");
    redis.wait_for_nothing();
}

fn at_most_once_holds_for_retries_too() {
    let redis = Redis::start();
    for_each_state(3, |at| {
        let proxy = Proxy::whole(redis.port);
        let _worker = worker_at(&proxy.url(), 1, &[OWN]);
        let app = redis.app();
        let (key, gate) = (format!("runs {at:?}"), format!("gate {at:?}"));
        let options = CallOptions::of(FailOnce::OPTIONS).result_timeout(Duration::from_secs(1));
        let args = (redis.port, key.clone(), gate.clone());
        let _call = answer(&app, Call::new(FailOnce::NAME, FailOnce::OPTIONS, args).with(options));
        redis.wait_for(&["GET", &key], 1);
        proxy.break_at(at);
        redis.call(&["SET", &gate, ""]);
        let runs = || redis.number(&["GET", &key]);
        wait_until("the call is run again, or its worker is cut off", || runs() > 1 || proxy.has_broken());
        let broke = proxy.has_broken();
        // A retry that is in the queue twice is run twice before the only thread has run all of these.
        for _ in 0..3 {
            assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "{at:?}: the worker goes on");
            redis.wait_for_nothing();
        }
        assert!(runs() <= 2, "{at:?}: a call that may be retried once has run {} times", runs());
        broke
    });
}

fn a_given_up_call_whose_result_waits_delays_no_other() {
    let redis = Redis::start();
    let mut backend = Redis::start();
    let app = App::builder().broker(redis.url()).backend(backend.url()).build().expect("it is an address");
    let quiet = |key: &'static str, queue: &'static str| {
        let options = CallOptions::of(Quiet::OPTIONS).queue(queue);
        app.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (redis.port, key)).with(options), |_| {});
        app.flush();
    };
    quiet("left", "fleet");
    let left = redis.call(&["RPOP", "fleet"]).to_string();
    let backend_option = format!("backend={}", backend.url());
    let worker = |queue| redis.worker(2, &["visibility=1000", &backend_option, queue]);
    let _workers = [worker("queue=rs"), worker("queue=fleet")];
    let waits = || redis.call(&["CLIENT", "LIST"]).to_string().matches("cmd=blmove").count();
    // One for each priority: both have all of their connections, and get none when the backend is gone.
    wait_until("both workers wait for messages", || waits() == 8);
    let _long = count(&redis, &app, "runs", 600_000);
    let _given_up = answer(&app, Call::new(Long::NAME, Long::OPTIONS, (redis.port, "long", 600_000)));
    redis.wait_for(&["GET", "runs"], 1);
    redis.wait_for(&["GET", "long"], 1);
    backend.stop();
    // Both threads of the first worker are busy until the second call is given up. From then on its result waits.
    quiet("next", "rs");
    redis.wait_for(&["GET", "next"], 1);
    // The second worker brings back twice what a worker leaves that dies now: that takes the visibility timeout.
    for times in 1..=2 {
        let Reply::List(now) = redis.call(&["TIME"]) else { panic!("TIME answers with a list") };
        leave(&redis, &left, "", "fleet", &now[0].to_string());
        redis.wait_for(&["GET", "left"], times);
    }
    let again = (redis.number(&["GET", "runs"]), redis.number(&["LLEN", "rs"]));
    assert_eq!(again, (1, 0), "the first worker has said all the time that the first call is in work");
}

fn a_revoked_call_is_not_held_until_its_time() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let app = redis.app();
    let ticket = app.ticket();
    let value = send_at(&ticket, much_later(&redis));
    redis.wait_for(&["HLEN", "unacked"], 1);
    redis.wait_for_answers(1);
    ticket.cancel();
    assert_eq!(kind(value), RemoteErrorKind::Revoked, "the caller hears at once");
    // Else the call would run at its time, when the revocation may be forgotten.
    redis.wait_for_nothing();
}

fn refused_calls_go_back_and_are_not_taken_at_once() {
    let redis = Redis::start();
    let app = redis.app();
    let calls: AsyncList<_> = (0..4).map(|_| count(&redis, &app, "runs", 0)).collect();
    app.flush();
    let _worker = redis.worker(1, &[&format!("refusing={}", redis.port), OWN]);
    let [takes, refusals] = Refusing::KEYS;
    wait_until("refused calls are taken again", || redis.number(&["LLEN", refusals]) >= 3);
    let times = ["0", "1", "2"].map(|index| redis.number(&["LINDEX", refusals, index]));
    let is_apart = times.windows(2).all(|times| times[1] - times[0] >= 900);
    assert!(is_apart, "the worker takes nothing for a second after a refusal: {times:?}");
    redis.call(&["SET", takes, ""]);
    let values = calls.get_timeout(patience()).unwrap_or_else(|_| panic!("a refused message is lost"));
    assert!(values.iter().all(Result::is_ok), "each call runs when the threads take it: {values:?}");
}

//! What a worker takes and when, what it does with a call that is to be run again, and how it stops.

use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteError;
use asynctools_celery::Task;
use celery_tests::redis::Reply;
use celery_tests::send;
use celery_tests::tasks::Add;
use celery_tests::tasks::Count;
use celery_tests::tasks::PanicsAndWaits;

use crate::interop::call;
use crate::proxy::Proxy;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Redis;
use crate::servers::patience;
use crate::servers::wait_until;
use crate::servers::worker_at;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: a_line_that_goes_dead_is_replaced, queues_go_in_order, a_busy_worker_takes_nothing,
        a_panic_is_run_again_as_the_same_call, a_stop_lasts_as_long_as_the_grace;
};

/// Makes a call that counts its runs under a key, then takes so long, by way of a queue.
fn count(
    redis: &Redis,
    app: &App,
    queue: &'static str,
    key: &str,
    millis: u64,
) -> AsyncValue<Result<i64, RemoteError>> {
    let options = CallOptions::of(Count::OPTIONS).queue(queue);
    send(app, Call::new(Count::NAME, Count::OPTIONS, (redis.port, key.to_owned(), millis)).with(options))
}

/// The cable is out, and neither side hears of it: a worker and a client each notice by themselves, after at most half a
/// minute.
fn a_line_that_goes_dead_is_replaced() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let redis = Redis::start();
            let line = Proxy::whole(redis.port);
            let _worker = worker_at(&line.url(), 1, &[]);
            calls_go_on(&redis.app(), &line);
        });
        let redis = Redis::start();
        let line = Proxy::whole(redis.port);
        let _worker = redis.worker(1, &[]);
        calls_go_on(&App::builder().broker(line.url()).build().unwrap(), &line);
    });
}

fn calls_go_on(app: &App, line: &Proxy) {
    assert_eq!(call::<Add, i64>(app, (1, 1)), Ok(2));
    line.go_dead();
    let next = send::<i64>(app, Call::new(Add::NAME, Add::OPTIONS, (1, 2)));
    let value = next.get_timeout(2 * patience()).unwrap_or_else(|_| panic!("somebody still waits at the dead line"));
    assert_eq!(value, Ok(3));
}

fn queues_go_in_order() {
    let redis = Redis::start();
    let app = redis.app();
    let queues = ["rs", "fleet", "rs", "fleet"];
    let calls: AsyncList<_> = queues.iter().map(|queue| count(&redis, &app, queue, "runs", 0)).collect();
    app.flush();
    let _worker = redis.worker(1, &["queue=fleet", "queue=rs"]);
    let runs: Vec<_> = calls.get().into_iter().map(Result::unwrap).collect();
    assert_eq!(runs, [3, 1, 4, 2], "the queue that was named first is empty before the other's turn comes");
}

fn a_busy_worker_takes_nothing() {
    let redis = Redis::start();
    let app = redis.app();
    let _busy = redis.worker(1, &["hostname=busy@here"]);
    let busy = count(&redis, &app, "rs", "busy", 600_000);
    redis.wait_for(&["GET", "busy"], 1);
    let calls: AsyncList<_> = (0..3).map(|_| count(&redis, &app, "rs", "runs", 0)).collect();
    app.flush();
    // The busy one is well, and answers.
    redis.wait_for_answers(1);
    let _free = redis.worker(1, &["hostname=free@here"]);
    let values =
        calls.get_timeout(patience()).unwrap_or_else(|_| panic!("the busy worker has a call that it cannot run"));
    assert_eq!(values.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(!busy.is_finished());
}

fn a_panic_is_run_again_as_the_same_call() {
    let redis = Redis::start();
    let app = redis.app();
    let _worker = redis.worker(1, &[]);
    let ticket = app.ticket();
    let id = ticket.task_id().expect("there is a broker");
    let (promise, end) = AsyncValue::promise();
    let options = CallOptions::of(PanicsAndWaits::OPTIONS).header("tenant", "a").priority(6);
    let call = Call::new(PanicsAndWaits::NAME, PanicsAndWaits::OPTIONS, (redis.port, "runs")).with(options);
    ticket.send(call, |answer| {
        promise.set(answer);
    });
    redis.wait_for(&["GET", "runs"], 1);
    // The message goes through its queue once more, then the worker holds it until its time.
    let key = format!("celery-task-meta-{id}");
    let is_again = |entry: &Reply| entry.to_string().contains(r#""retries":1,"#);
    let mut found = None;
    wait_until("the panic is run again", || {
        if let Reply::List(entries) = redis.call(&["HVALS", "unacked"]) {
            found = entries.into_iter().find(is_again);
        }
        found.is_some()
    });
    let entry = found.expect("it was waited for").to_string();
    for part in [&format!(r#""id":"{id}""#), r#""tenant":"a""#, r#""priority":6"#] {
        assert!(entry.contains(part), "{part} is not in {entry}");
    }
    let state = redis.call(&["GET", &key]).to_string();
    assert!(state.starts_with(r#"{"status": "RETRY", "result": {"exc_type":"RustPanic""#), "{state}");
    assert!(!end.is_finished(), "a retry is no end");
}

fn a_stop_lasts_as_long_as_the_grace() {
    let redis = Redis::start();
    let mut worker = redis.worker(1, &["grace=300"]);
    let app = redis.app();
    let call = count(&redis, &app, "rs", "runs", 600_000);
    redis.wait_for(&["GET", "runs"], 1);
    let start = Instant::now();
    worker.signal("TERM");
    assert!(worker.wait(), "it ends well");
    let took = start.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&took), "{took:?}");
    assert_eq!(
        (redis.number(&["LLEN", "rs"]), redis.number(&["HLEN", "unacked"])),
        (1, 0),
        "what it had is given back"
    );
    drop(call);
}

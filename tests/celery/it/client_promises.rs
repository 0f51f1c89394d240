//! Promises of a client that hold when it is used in a strange way, or when its server is not well.

use std::net::TcpListener;
use std::panic::panic_any;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncValue;
use asynctools_celery::Answer;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::RemoteErrorKind;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use asynctools_celery::Ticket;
use celery_tests::answer;
use celery_tests::tasks::Add;
use celery_tests::tasks::Count;
use celery_tests::tasks::Quiet;

use crate::interop::call;
use crate::interop::cancellable;
use crate::interop::get;
use crate::interop::kind;
use crate::interop::send_at;
use crate::proxy::Proxy;
use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Redis;
use crate::servers::patience;
use crate::servers::wait_until;

pub(crate) const TESTS: &[Test] = tests! {
    Redis: a_call_from_the_end_of_a_call_does_not_wait_for_itself, a_flush_in_the_end_of_a_call_returns,
        a_panic_whose_payload_panics_does_not_end_the_sender, a_cancelled_call_in_the_hands_of_the_sender_is_revoked,
        a_ticket_that_was_cancelled_sends_nothing, a_server_that_loads_its_data_is_asked_again,
        a_wait_for_an_own_call_ends_with_the_call, a_call_whose_time_is_over_can_be_waited_for,
        a_prefix_may_have_marks_of_patterns, a_dropped_client_does_not_listen_on, endless_times_are_no_limits;
    Nothing: a_wait_for_a_call_of_another_client_ends_without_a_backend,
        many_calls_end_as_soon_as_one_where_there_is_no_broker, a_timeout_counts_while_a_call_waits_to_be_sent,
        a_panic_of_arguments_is_told_without_a_broker;
};

fn add() -> Call {
    Call::new(Add::NAME, Add::OPTIONS, (1, 1))
}

/// A call whose arguments are made by the sender when it writes the message.
fn written(args: impl FnOnce() -> Result<String, String> + Send + 'static) -> Call {
    Call::written(Add::NAME, CallOptions::of(TaskOptions::DEFAULT), args)
}

/// Returns a client of a broker that refuses connections.
fn app_of_nobody() -> App {
    App::builder().broker("redis://127.0.0.1:1").build().expect("it is an address")
}

fn a_call_from_the_end_of_a_call_does_not_wait_for_itself() {
    let redis = Redis::start();
    let app = App::builder().broker(redis.url()).queue(1).build().expect("it is an address");
    let (tell, told) = channel();
    let port = redis.port;
    thread::spawn(move || {
        for n in 0..200 {
            let (next, tell) = (app.clone(), tell.clone());
            app.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (port, "a")), move |_| {
                next.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (port, "b")), move |_| {
                    tell.send(n).expect("the test goes on");
                });
            });
        }
    });
    for n in 0..200 {
        told.recv_timeout(patience()).unwrap_or_else(|_| panic!("only {n} of 200 calls have ended"));
    }
}

fn a_flush_in_the_end_of_a_call_returns() {
    let redis = Redis::start();
    let app = redis.app();
    let (tell, told) = channel();
    let next = app.clone();
    app.send(Call::new(Quiet::NAME, Quiet::OPTIONS, (redis.port, "a")), move |_| {
        next.flush();
        tell.send(()).expect("the test goes on");
    });
    told.recv_timeout(patience()).expect("a flush in the end of a call returns");
}

/// A payload of a panic that panics when it is dropped.
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
    let bad = answer(&app, written(|| panic_any(Bomb)));
    assert_eq!(kind(bad), RemoteErrorKind::BadArguments, "the call whose arguments panic is told so");
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "the sender goes on");
}

/// A call in whose arguments the sender waits, once it has told that it began, until the gate opens.
fn gated(begun: &Sender<()>, args: &'static str) -> (Sender<()>, Call) {
    let (open, gate) = channel();
    let begun = begun.clone();
    let args = move || {
        begun.send(()).expect("the test goes on");
        gate.recv().expect("the test opens the gate");
        Ok(args.to_owned())
    };
    (open, Call::written(Add::NAME, CallOptions::of(TaskOptions::DEFAULT), args))
}

fn a_cancelled_call_in_the_hands_of_the_sender_is_revoked() {
    let redis = Redis::start();
    let app = redis.app();
    let (tell, begun) = channel();
    let ((open_first, first), (open_second, second)) = (gated(&tell, "[1, 1]"), gated(&tell, "[1, 1]"));
    let _first = answer(&app, first);
    begun.recv_timeout(patience()).expect("the sender has taken the first call alone");
    let _second = answer(&app, second);
    let (ticket, value) = cancellable(&redis, &app, Count::NAME, Count::OPTIONS);
    open_first.send(()).expect("the sender waits for it");
    begun.recv_timeout(patience()).expect("the sender has taken the two others together");
    assert!(!ticket.cancel(), "the sender has the call, so it may be sent");
    open_second.send(()).expect("the sender waits for it");
    redis.wait_for(&["ZCARD", "celery-revoked"], 1);
    let _worker = redis.worker(1, &[]);
    assert_eq!(kind(value), RemoteErrorKind::Revoked, "the cancellation is not lost");
    assert_eq!(redis.number(&["GET", "runs"]), 0, "a revoked call does not run");
}

/// A handle whose last argument arrives can be cancelled at any moment, also before the call is in the outbox.
fn a_ticket_that_was_cancelled_sends_nothing() {
    let redis = Redis::start();
    let app = redis.app();
    let ticket = app.ticket();
    ticket.cancel();
    let value = send_at(&ticket, add());
    app.flush();
    assert_eq!(redis.number(&["LLEN", "rs"]), 0, "a call that was cancelled before is not sent");
    assert_eq!(kind(value), RemoteErrorKind::Cancelled, "the caller is told that it was not sent");
}

fn a_server_that_loads_its_data_is_asked_again() {
    let redis = Redis::start();
    let loading = Proxy::refusing(redis.port, "LPUSH", "-LOADING Redis is loading the dataset in memory\r\n", 2);
    let _worker = redis.worker(1, &[]);
    let app = App::builder().broker(loading.url()).build().expect("it is an address");
    assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "a call waits for a server that loads its data");
}

fn a_prefix_may_have_marks_of_patterns() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &["backend_prefix=[a]:"]);
    let app = App::builder().broker(redis.url()).backend_global_keyprefix("[a]:").build().expect("it is an address");
    let is_heard = || {
        // A client listens before it sends its second call, which no sweep sees that soon.
        assert_eq!(call::<Add, i64>(&app, (1, 1)), Ok(2), "a result under a prefix is found");
        let start = Instant::now();
        assert_eq!(call::<Add, i64>(&app, (1, 2)), Ok(3), "a result under a prefix is found");
        start.elapsed() < Duration::from_secs(4)
    };
    // A machine may stand still for once.
    assert!((0..3).any(|_| is_heard()), "the results are heard, not found by a sweep");
}

fn a_dropped_client_does_not_listen_on() {
    let redis = Redis::start();
    let _worker = redis.worker(1, &[]);
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(call::<Add, i64>(&redis.app(), (1, 1)), Ok(2), "each client gets its value");
    }
    wait_until("no dropped client listens", || !redis.call(&["CLIENT", "LIST"]).to_string().contains(" psub=1"));
    // After a silence of half a minute a listener looks by itself whether its client is gone.
    assert!(start.elapsed() < Duration::from_secs(25), "a dropped client tells its listener");
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
    let value = get::<i64>(&redis.app(), Call::new(Add::NAME, options, (1, 1)));
    assert_eq!(value, Ok(2), "a time that no clock reaches is no limit");
}

/// Returns a handle to the answer of a call by its id.
fn attached(app: &App, ticket: &Ticket) -> AsyncValue<Answer> {
    let (promise, value) = AsyncValue::promise();
    app.attach(ticket.task_id().expect("there is a broker"), |answer| promise.set(answer));
    value
}

/// This takes half a minute, since a backend may take so long to start.
fn a_wait_for_a_call_of_another_client_ends_without_a_backend() {
    let (promise, value) = AsyncValue::promise();
    app_of_nobody().attach("some-id", |answer: Answer| promise.set(answer));
    assert_eq!(kind(value), RemoteErrorKind::Broker, "a backend that is not there ends the wait");
}

fn a_wait_for_an_own_call_ends_with_the_call() {
    let redis = Redis::start();
    let app = redis.app();
    let ticket = app.ticket();
    let value = send_at(&ticket, add());
    let waits = attached(&app, &ticket);
    let _worker = redis.worker(1, &[]);
    for answer in [value, waits] {
        let answer = answer.get_timeout(patience()).unwrap_or_else(|_| panic!("a wait for a call that ends does not"));
        assert_eq!(answer.into_value::<i64>(), Ok(2), "each wait for a call gets its value");
    }
    let late = attached(&app, &ticket).get_timeout(patience());
    let error = late.expect("a wait for a call that has ended ends").into_value::<i64>().unwrap_err();
    assert_eq!(error.kind, RemoteErrorKind::Broker, "a client has deleted the result that it has delivered");
    assert!(error.message.contains("this client"), "{error}");
}

fn a_call_whose_time_is_over_can_be_waited_for() {
    let redis = Redis::start();
    let app = redis.app();
    let ticket = app.ticket();
    let soon = CallOptions::of(Add::OPTIONS).result_timeout(Duration::from_millis(10));
    assert_eq!(kind(send_at(&ticket, add().with(soon))), RemoteErrorKind::Timeout, "nobody runs the call");
    let waits = attached(&app, &ticket);
    let _worker = redis.worker(1, &[]);
    let answer = waits.get_timeout(patience()).unwrap_or_else(|_| panic!("the wait does not end"));
    assert_eq!(answer.into_value::<i64>(), Ok(2), "the result is left in the backend, and found there");
}

fn many_calls_end_as_soon_as_one_where_there_is_no_broker() {
    let app = app_of_nobody();
    let (tell, begun) = channel();
    // What it writes are no arguments, so the call is not sent.
    let (open, first) = gated(&tell, "{}");
    let first = answer(&app, first);
    begun.recv_timeout(patience()).expect("the sender has taken the first call alone");
    let start = Instant::now();
    let calls: Vec<_> = (0..450).map(|_| answer(&app, add())).collect();
    open.send(()).expect("the sender waits for it");
    assert_eq!(kind(first), RemoteErrorKind::BadArguments, "the first call is not sent");
    for call in calls {
        assert_eq!(kind(call), RemoteErrorKind::Broker, "a broker that is not there ends the call");
    }
    // The attempts for one batch take six seconds, those for a second one twenty, and there are five.
    assert!(start.elapsed() < Duration::from_secs(20), "all calls that wait end with the attempts for the first batch");
}

fn a_timeout_counts_while_a_call_waits_to_be_sent() {
    // Nobody answers here, though one can connect.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("redis://{}", listener.local_addr().expect("it is bound"));
    let app = App::builder().broker(url).build().expect("it is an address");
    let start = Instant::now();
    let options = || CallOptions::of(Add::OPTIONS).result_timeout(Duration::from_secs(1));
    let calls: Vec<_> = (0..150).map(|_| answer(&app, add().with(options()))).collect();
    for call in calls {
        assert_eq!(kind(call), RemoteErrorKind::Timeout, "the time of a call that is not sent runs too");
    }
    // The sender tries for longer than that.
    assert!(start.elapsed() < Duration::from_secs(15), "the time of a call counts from the call");
}

fn a_panic_of_arguments_is_told_without_a_broker() {
    let app = App::local(|job| drop(thread::spawn(job)));
    assert_eq!(kind(answer(&app, written(|| panic!("no")))), RemoteErrorKind::BadArguments, "the caller is told");
}

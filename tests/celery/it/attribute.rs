//! Functions with `#[celery]`. A process has one client for all of them, so the checks share one fleet.

use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::celery;
use asynctools::celery::Bytes;
use asynctools::celery::RemoteErrorKind;
use asynctools::celery::TaskOptions;
use asynctools_celery::Answer;
use asynctools_celery::Call;
use celery_tests::answer;
use celery_tests::fleet::FleetError;
use celery_tests::fleet::fails;
use celery_tests::fleet::half;
use celery_tests::fleet::half_here;
use celery_tests::fleet::letters;
use celery_tests::fleet::py_add;
use celery_tests::fleet::py_headers;
use celery_tests::fleet::py_raises;
use celery_tests::fleet::reverse;
use celery_tests::fleet::sum;
use celery_tests::fleet::with_options;

use crate::runner::Test;
use crate::runner::tests;
use crate::servers::Redis;

pub(crate) const TESTS: &[Test] = tests! {
    Nothing: options_of_the_attribute, calls_that_stay_in_the_process;
    Python: attribute_on_a_fleet;
};

fn options_of_the_attribute() {
    let expected = TaskOptions {
        queue: "elsewhere",
        acks_late: false,
        max_retries: 7,
        retry_backoff: Duration::from_secs(8),
        expires: Some(Duration::from_secs(9)),
        result_timeout: Some(Duration::from_secs(10)),
        ignore_result: true,
        priority: 9,
        soft_time_limit: Some(Duration::from_secs(11)),
    };
    assert_eq!(with_options::OPTIONS, expected);
    assert_eq!(letters::OPTIONS, TaskOptions { queue: "fleet", ..TaskOptions::DEFAULT });
}

/// `celery::local()`: the same functions and messages, without a broker.
fn calls_that_stay_in_the_process() {
    let app = celery::local();
    let half = |n: i64| answer(&app, Call::new(half::NAME, half::OPTIONS, (n,))).get();
    assert_eq!(half(8).into_result::<u32, FleetError>(), Ok(Ok(4)));
    assert_eq!(half(7).into_result::<u32, FleetError>(), Ok(Err(FleetError::Odd(7))));
    let failed = |answer: Answer| answer.into_value::<u32>().unwrap_err();
    let error = failed(half(-1));
    assert_eq!(error.kind, RemoteErrorKind::BadArguments);
    assert!(error.message.starts_with("argument `n`: invalid value: integer `-1`"), "{error}");
    let error = failed(answer(&app, Call::new(letters::NAME, letters::OPTIONS, ("",))).get());
    assert_eq!((error.kind, error.message.as_str()), (RemoteErrorKind::Panicked, "no text"));
    let error = failed(answer(&app, Call::new("fleet.nothing", TaskOptions::DEFAULT, ())).get());
    assert_eq!((error.kind, error.message.as_str()), (RemoteErrorKind::NotRegistered, "fleet.nothing"));
    assert!(app.check("fleet").is_err(), "there is no broker with queues");
    app.flush();
}

fn attribute_on_a_fleet() {
    assert!(size_of::<TaskError>() <= 16, "the error of a fleet is boxed");
    let redis = Redis::start();
    celery::use_app(redis.app()).expect("this test is the only one with the client of the process");
    seam_arguments_that_fail_are_not_sent(&redis);
    seam_cancelled_before_it_is_sent(&redis);
    let _workers = (redis.worker(2, &[]), redis.python_worker(&["-Q", "py"], &[]));
    values_travel();
    errors_come_back(&redis);
    options_of_a_call();
    headers_arrive();
    ids_lead_to_calls(&redis);
    both_languages();
    redis.wait_for(&["HLEN", "unacked"], 0);
}

/// No worker runs: what ends, ends here.
fn seam_arguments_that_fail_are_not_sent(redis: &Redis) {
    let failed: AsyncValue<Result<u32, FleetError>> = AsyncValue::ready(Err(FleetError::Odd(3)));
    assert_eq!(half(failed).get(), Err(FleetError::Odd(3)), "`?` on an edge");

    let (promise, argument) = AsyncValue::<u32>::promise();
    let waits = half(argument);
    promise.end_with(TaskError::Rejected);
    let error = waits.outcome().unwrap_err();
    assert!(matches!(error.root(), TaskError::Rejected), "{error}");

    let pool = Pool::new(1);
    let error = letters(pool.spawn(|| -> String { panic!("no text came") })).outcome().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error.root(), TaskError::Panicked(_)), "{text}");
    assert!(text.starts_with("letters (") && text.ends_with("panicked: no text came"), "{text}");
    assert!(text.contains("attribute.rs"), "the call's line: {text}");

    let numbers: AsyncList<_> = [Ok(1), Err(FleetError::Odd(5))].into_iter().map(AsyncValue::ready).collect();
    assert_eq!(sum(numbers).get(), Err(FleetError::Odd(5)));
    assert_eq!(redis.number(&["DBSIZE"]), 0, "nothing was sent");
}

fn seam_cancelled_before_it_is_sent(redis: &Redis) {
    let (promise, argument) = AsyncValue::<u32>::promise();
    let waits = half(argument);
    let follows = waits.map(|result| result);
    assert!(!follows.is_finished());
    let (second, argument) = AsyncValue::<u32>::promise();
    assert!(half(argument).cancel(), "an argument is missing, so it never began");
    second.set(2);
    promise.end_with(TaskError::Closed);
    assert!(follows.outcome().is_err());
    assert_eq!(redis.number(&["DBSIZE"]), 0, "nothing was sent");
}

fn values_travel() {
    assert_eq!(half(half(12)).get(), Ok(3));
    assert_eq!(letters("žluť").get(), 4);
    assert_eq!(letters(String::from("owned")).get(), 5);
    let pool = Pool::new(1);
    assert_eq!(letters(pool.spawn(|| "from a pool".to_owned())).get(), 11);
    assert_eq!(reverse(&[1_u8, 255]).get(), Bytes(vec![255, 1]));
    let halves: AsyncList<Result<u32, FleetError>> = [2, 4, 6].into_iter().map(half).collect();
    assert_eq!(sum(halves).get(), Ok(6));
    let shared = half(8).shared();
    assert_eq!(shared.get(), &Ok(4));
    assert_eq!((half_here(8), half::sync(9), half::NAME), (Ok(4), Err(FleetError::Odd(9)), "fleet.half"));
    assert_eq!(letters::NAME, "celery_tests::fleet::letters");
    assert_eq!((sum::OPTIONS.priority, sum::OPTIONS.queue), (3, "fleet"));
}

fn errors_come_back(redis: &Redis) {
    assert_eq!(half(half(6)).get(), Err(FleetError::Odd(3)));
    let Err(TaskError::Remote(error)) = letters("").outcome() else { panic!("it is lost") };
    assert_eq!((error.kind, error.message.as_str()), (RemoteErrorKind::Panicked, "no text"));
    let follows = letters("").map(|n| n + 1).outcome().unwrap_err();
    assert!(matches!(follows.root(), TaskError::Remote(_)), "{follows}");
    assert!(follows.to_string().ends_with("panicked: no text"), "{follows}");

    assert_eq!(fails(redis.port, "again".to_owned(), 0).get(), Err(FleetError::Odd(3)), "three runs");
    assert_eq!(fails(redis.port, "never".to_owned(), 10).get(), Err(FleetError::Odd(11)), "`retry_on` says no");
    assert_eq!((redis.number(&["GET", "again"]), redis.number(&["GET", "never"])), (3, 1));
}

fn options_of_a_call() {
    let start = Instant::now();
    let late = half::with().countdown(Duration::from_millis(300)).priority(7).call(half(8));
    assert_eq!(late.get(), Ok(2));
    assert!(start.elapsed() >= Duration::from_millis(300));
    let nobody = half::with().queue("nobody").result_timeout(Duration::from_millis(50)).call(8);
    let Err(FleetError::Remote(error)) = nobody.get() else { panic!("nobody serves the queue") };
    assert_eq!(error.kind, RemoteErrorKind::Timeout);
}

fn headers_arrive() {
    let headers = BTreeMap::from([("tenant", "a"), ("id", "another")]);
    let call = py_headers::with().headers(headers.clone()).call();
    let id = call.task_id().expect("it is handed over");
    assert_eq!(call.get(), ["a", id.as_str()], "Celery's own headers stay");
    let call = py_headers::with().headers(headers).header("tenant", "b").call();
    assert_eq!(call.get()[0], "b", "the last of a name counts");
}

fn ids_lead_to_calls(redis: &Redis) {
    let (promise, argument) = AsyncValue::<u32>::promise();
    let headers = [("tenant", "a")];
    let call = half::with().queue("nobody").headers(headers).header("tenant", "b").call(argument);
    assert_eq!(call.task_id(), None, "it waits for its argument");
    promise.set(8);
    let id = call.task_id().expect("it is handed over");
    celery::app().unwrap().flush();
    let message = redis.call(&["LINDEX", "nobody", "0"]).to_string();
    assert!(message.contains(&id) && message.matches("tenant").count() == 1, "{message}");
    call.cancel();
    assert_eq!(call.task_id().as_ref(), Some(&id));
    let Err(FleetError::Remote(error)) = call.get() else { panic!("it is revoked") };
    assert_eq!((error.kind, error.task_id), (RemoteErrorKind::Revoked, id));

    let call = letters("four");
    call.wait();
    assert!(call.task_id().is_some_and(|id| id.len() == 36), "the id of a call that has ended");
    assert_eq!(call.map(|n| n).task_id(), None);
    assert_eq!(Pool::new(1).spawn(|| 1).task_id(), None);
    let id = redis.run_python("print(app.send_task('fleet.half', (8,), queue='fleet').id)");
    assert_eq!(celery::attach::<u32>(id).get(), Ok(4));
}

fn both_languages() {
    assert_eq!(py_add(py_add(1, 2), 3).get(), Ok(6));
    let Err(TaskError::Remote(error)) = py_raises("why").outcome() else { panic!("it is lost") };
    assert_eq!((error.exc_type.as_str(), error.message.as_str()), ("KeyError", "why, 7"));
}

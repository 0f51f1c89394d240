//! The tasks of Celery's integration suite, by its names: `suite URL THREADS HOSTNAME`. What they do is said there.

use std::thread;
use std::time::Duration;

use asynctools::celery;
use asynctools_celery::Arguments;
use asynctools_celery::Failure;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use asynctools_celery::value;
use serde_json::Value;
use serde_json::json;

macro_rules! task {
    ($task:ident, $name:literal, { $($option:ident: $value:expr),* }, $body:expr) => {
        enum $task {}

        impl Task for $task {
            const NAME: &'static str = $name;
            const OPTIONS: TaskOptions = TaskOptions { $($option: $value,)* ..TaskOptions::DEFAULT };

            fn run(arguments: Arguments<'_>) -> Result<String, Failure> {
                let body: fn(Arguments<'_>) -> Result<String, Failure> = $body;
                body(arguments)
            }
        }
    };
}

fn add(mut arguments: Arguments<'_>) -> Result<String, Failure> {
    let (x, y): (i64, i64) = (arguments.take("x")?, arguments.take("y")?);
    let z: Option<i64> = arguments.take("z")?;
    arguments.end()?;
    value(&(x + y + z.unwrap_or(0)))
}

fn add_pydantic(mut arguments: Arguments<'_>) -> Result<String, Failure> {
    let data: Value = arguments.take("data")?;
    arguments.end()?;
    value(&json!({"result": data["x"].as_i64().unwrap_or(0) + data["y"].as_i64().unwrap_or(0)}))
}

fn expected(retry: bool) -> Failure {
    Failure::exception("t.integration.tasks", "ExpectedException", "Task expected to fail", retry)
}

/// Fails once, then returns what `what` says.
fn once(arguments: &Arguments<'_>, what: impl FnOnce(&Arguments<'_>) -> Value) -> Result<String, Failure> {
    if arguments.retries() == 0 { Err(expected(true)) } else { value(&what(arguments)) }
}

fn limits(arguments: &Arguments<'_>) -> Result<String, Failure> {
    let limits: Value = json_of(arguments.header("timelimit"));
    value(&json!({"time_limit": limits[0], "soft_time_limit": limits[1]}))
}

fn json_of(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

const SOON: Duration = Duration::from_millis(1);

task!(Add, "t.integration.tasks.add", {}, add);
task!(AddNotTyped, "t.integration.tasks.add_not_typed", {}, add);
task!(AddIgnoreResult, "t.integration.tasks.add_ignore_result", { ignore_result: true }, add);
task!(AddPydantic, "t.integration.tasks.add_pydantic", {}, add_pydantic);
task!(AddPydanticText, "t.integration.tasks.add_pydantic_string_annotations", {}, add_pydantic);
task!(Sleeping, "t.integration.tasks.sleeping", {}, |mut arguments| {
    let seconds: f64 = arguments.take("i")?;
    thread::sleep(Duration::from_secs_f64(seconds));
    value(&())
});
task!(Fail, "t.integration.tasks.fail", {}, |_arguments| Err(expected(false)));
task!(Retry, "t.integration.tasks.retry", { max_retries: 3 }, |mut arguments| {
    let wanted: Option<String> = arguments.take("return_value")?;
    match wanted {
        Some(wanted) if arguments.retries() == 3 => value(&wanted),
        _ => Err(expected(true)),
    }
});
task!(RetryOnce, "t.integration.tasks.retry_once", { max_retries: 1, retry_backoff: SOON }, |arguments| {
    once(&arguments, |arguments| json!(arguments.retries()))
});
task!(RetryOncePriority, "t.integration.tasks.retry_once_priority", { max_retries: 1, retry_backoff: SOON }, |arguments| {
    once(&arguments, |arguments| json_of(arguments.property("priority")))
});
task!(RetryOnceHeaders, "t.integration.tasks.retry_once_headers", { max_retries: 1, retry_backoff: SOON }, |arguments| {
    once(&arguments, |arguments| json!({"x-test-header": json_of(arguments.header("x-test-header"))}))
});
task!(AutoRetry, "auto_retry_class_task", { max_retries: 1, retry_backoff: SOON }, |arguments| {
    once(&arguments, |arguments| json!(arguments.retries()))
});
task!(PrintUnicode, "t.integration.tasks.print_unicode", {}, |_arguments| value(&()));
task!(Properties, "t.integration.tasks.return_properties", {}, |arguments| {
    value(&json!({"app_id": json_of(arguments.property("app_id"))}))
});
task!(Limits, "t.integration.tasks.return_request_time_limits", {}, |arguments| limits(&arguments));
task!(DeclaredLimits, "t.integration.tasks.task_with_declared_time_limits", {}, |arguments| limits(&arguments));

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let threads = args[1].parse().expect("a number of threads");
    let worker = celery::worker().threads(threads).broker(&args[0]).hostname(&args[2]).queue("celery");
    let worker = worker
        .task::<Add>()
        .task::<AddNotTyped>()
        .task::<AddIgnoreResult>()
        .task::<AddPydantic>()
        .task::<AddPydanticText>()
        .task::<Sleeping>()
        .task::<Fail>()
        .task::<Retry>()
        .task::<RetryOnce>()
        .task::<RetryOncePriority>()
        .task::<RetryOnceHeaders>()
        .task::<AutoRetry>()
        .task::<PrintUnicode>()
        .task::<Properties>()
        .task::<Limits>()
        .task::<DeclaredLimits>();
    if let Err(error) = worker.run() {
        panic!("{error}");
    }
}

//! The tasks of the test worker, with implementations as the attribute writes them.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::Pool;
use asynctools::celery::OnPool;
use asynctools::celery::Threads;
use asynctools_celery::Arguments;
use asynctools_celery::Bytes;
use asynctools_celery::Failure;
use asynctools_celery::Task;
use asynctools_celery::TaskOptions;
use asynctools_celery::Worker;
use asynctools_celery::result;
use asynctools_celery::value;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::fleet;
use crate::redis::Client;
use crate::redis::Reply;

/// The error of `divide`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DivideError {
    /// What could not be divided.
    pub dividend: i64,
}

impl fmt::Display for DivideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be divided by nothing", self.dividend)
    }
}

/// Writes the implementation of a task: its name, its parameters, its options, and its body.
macro_rules! task {
    ($(#[$doc:meta])* $name:ident($($param:ident: $T:ty),*) -> $write:expr, { $($option:ident: $value:expr),* }, $body:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Task for $name {
            const NAME: &'static str = concat!("rs.", stringify!($name));
            const OPTIONS: TaskOptions = TaskOptions { queue: "rs", $($option: $value,)* ..TaskOptions::DEFAULT };

            fn run(mut arguments: Arguments<'_>) -> Result<String, Failure> {
                $(let $param: $T = arguments.take(stringify!($param))?;)*
                arguments.end()?;
                $write(&$body)
            }
        }
    };
}

task! {
    /// Adds.
    Add(x: i64, y: i64) -> value, {}, x + y
}
task! {
    /// Returns what it was given.
    Echo(what: Value) -> value, {}, what
}
task! {
    /// Has a parameter with a default.
    Greet(name: String, greeting: Option<String>) -> value, {},
    format!("{} {name}", greeting.unwrap_or_else(|| "hello".to_owned()))
}
task! {
    /// Reverses bytes.
    Reverse(bytes: Bytes) -> value, {}, Bytes(bytes.0.iter().rev().copied().collect())
}
task! {
    /// Divides, and fails with a type of its own.
    Divide(x: i64, y: i64) -> |answer: &Result<i64, DivideError>| result(answer, |_| true), {},
    x.checked_div(y).ok_or(DivideError { dividend: x })
}
task! {
    /// Panics.
    Boom(why: String) -> value, {}, if why.is_empty() { } else { panic!("{why}") }
}
task! {
    /// Counts its runs under a key of the server at the port.
    Count(port: u16, key: String, millis: u64) -> value, {}, count(port, &key, millis)
}
task! {
    /// Counts, and keeps no message that could be run again.
    CountOnce(port: u16, key: String, millis: u64) -> value, { acks_late: false }, count(port, &key, millis)
}
task! {
    /// Counts, and fails until the third run.
    Third(port: u16, key: String) -> |answer: &Result<i64, String>| result(answer, |_| true),
    { max_retries: 3, retry_backoff: Duration::from_millis(20) },
    match count(port, &key, 0) { 3.. => Ok(3), n => Err(format!("run {n}")) }
}
task! {
    /// Counts, and waits for a key of the server.
    CountUntil(port: u16, key: String, gate: String) -> value, {}, count_until(port, &key, &gate)
}
task! {
    /// As [`CountUntil`], and keeps no message that could be run again.
    CountUntilOnce(port: u16, key: String, gate: String) -> value, { acks_late: false }, count_until(port, &key, &gate)
}
task! {
    /// Counts, waits for a key of the server, and fails. Keeps no message that could be run again, and is run again once.
    FailOnce(port: u16, key: String, gate: String) -> |answer: &Result<i64, String>| result(answer, |_| true),
    { acks_late: false, max_retries: 1, retry_backoff: Duration::from_millis(20) },
    Err(format!("run {}", count_until(port, &key, &gate)))
}
task! {
    /// Returns a text of so many bytes.
    Large(bytes: usize) -> value, {}, "x".repeat(bytes)
}
task! {
    /// Counts and panics, and is run again much later.
    PanicsAndWaits(port: u16, key: String) -> value, { max_retries: 1, retry_backoff: Duration::from_secs(3600) },
    assert!(count(port, &key, 0) < 1, "not now")
}
task! {
    /// Counts, and ends the process.
    Abort(port: u16, key: String) -> value, {}, if count(port, &key, 0) > 0 { std::process::abort() }
}
task! {
    /// Runs longer than it may, for the first time.
    Long(port: u16, key: String, millis: u64) -> value, { soft_time_limit: Some(Duration::from_secs(2)) },
    count(port, &key, millis)
}
task! {
    /// Counts, and takes long for the first time.
    CountSlowFirst(port: u16, key: String, millis: u64) -> value, {}, {
        let n = count(port, &key, 0);
        thread::sleep(Duration::from_millis(if n == 1 { millis } else { 0 }));
        n
    }
}
task! {
    /// Sets the number of threads of [`own_pool`]. Returns the number before.
    Resize(threads: usize) -> value, {}, {
        let pool = &OWN_POOL.get().expect("the worker runs on it").0;
        let before = pool.workers();
        pool.set_workers(threads);
        before
    }
}
task! {
    /// Has nothing to say.
    Quiet(port: u16, key: String) -> value, { ignore_result: true }, { count(port, &key, 0); }
}

task! {
    /// Has [`own_pool`] closed, and counts that under a key.
    Close(port: u16, key: String) -> value, {}, {
        thread::spawn(move || {
            OWN_POOL.get().expect("the worker runs on it").0.close();
            count(port, &key, 0);
        });
    }
}

static OWN_POOL: OnceLock<Arc<OnPool>> = OnceLock::new();

/// Makes the pool that [`Resize`] changes.
pub fn own_pool(threads: usize) -> Arc<OnPool> {
    OWN_POOL.get_or_init(|| Arc::new(OnPool(Pool::new(threads)))).clone()
}

/// A thread of the worker's that refuses its calls until the server at the port has a key, as a pool does that gets no thread
/// of the system. It writes the times of its refusals, in milliseconds, into a list.
#[derive(Debug)]
pub struct Refusing {
    port: u16,
    since: Instant,
}

impl Refusing {
    /// The key that ends the refusals, and the list of their times.
    pub const KEYS: [&str; 2] = ["takes", "refusals"];

    /// Returns a thread that asks the server at this port.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { port, since: Instant::now() }
    }
}

impl Threads for Refusing {
    fn run(&self, job: Box<dyn FnOnce() + Send>) {
        let [takes, refusals] = Self::KEYS;
        let mut client = Client::open(self.port).expect("the server is there");
        if client.call(&["GET", takes]).expect("the server answers") == Reply::Nil {
            let now = self.since.elapsed().as_millis().to_string();
            client.call(&["RPUSH", refusals, &now]).expect("the server answers");
        } else {
            thread::spawn(job);
        }
    }

    fn count(&self) -> usize {
        1
    }

    fn grow(&self) {}

    fn shrink(&self) {}
}

/// Increments a key, then waits for another one.
fn count_until(port: u16, key: &str, gate: &str) -> i64 {
    let n = count(port, key, 0);
    let mut client = Client::open(port).expect("the server is there");
    while client.call(&["GET", gate]).expect("the server answers") == Reply::Nil {
        thread::sleep(Duration::from_millis(5));
    }
    n
}

/// Increments a key, then sleeps.
fn count(port: u16, key: &str, millis: u64) -> i64 {
    let mut client = Client::open(port).expect("the server is there");
    let reply = client.call(&["INCR", key]).expect("the server answers").to_string();
    thread::sleep(Duration::from_millis(millis));
    reply.parse().expect("INCR answers with a number")
}

/// Adds all tasks to a worker.
pub fn all(worker: Worker) -> Worker {
    worker
        .task::<Add>()
        .task::<Echo>()
        .task::<Greet>()
        .task::<Reverse>()
        .task::<Divide>()
        .task::<Boom>()
        .task::<Count>()
        .task::<CountOnce>()
        .task::<CountUntil>()
        .task::<CountUntilOnce>()
        .task::<FailOnce>()
        .task::<Large>()
        .task::<Close>()
        .task::<CountSlowFirst>()
        .task::<Resize>()
        .task::<Third>()
        .task::<PanicsAndWaits>()
        .task::<Abort>()
        .task::<Long>()
        .task::<Quiet>()
        .task::<fleet::half>()
        .task::<fleet::letters>()
        .task::<fleet::reverse>()
        .task::<fleet::sum>()
        .task::<fleet::fails>()
}

//! A worker: configuration, checks before the start, the run, and the stop.

use std::fmt;
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::broker::address::Address;
use crate::broker::connection::BrokerError;
use crate::broker::keys::Keys;
use crate::client::app::hostname;
use crate::control;
use crate::error::WorkerError;
use crate::registry::Entry;
use crate::registry::Registry;
use crate::registry::Task;
use crate::serve::checks;
use crate::serve::signals;
use crate::worker::fetch;
use crate::worker::keeper;
use crate::worker::panics;
use crate::worker::shared::Config;
use crate::worker::shared::Shared;
use crate::worker::threads::Threads;

/// A worker, until [`run`](Self::run) only its configuration. `asynctools::celery::worker` makes one whose calls run on a `Pool`.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
///
/// use asynctools_celery::{Threads, Worker, WorkerError};
///
/// /// Runs the calls of all tasks on four threads; `make` makes so many.
/// fn serve(make: fn(usize) -> Arc<dyn Threads>) -> Result<(), WorkerError> {
///     Worker::new(make(4), make).broker("redis://127.0.0.1:6379/0").all().run()
/// }
/// ```
#[must_use = "no call is run until `.run()`"]
pub struct Worker {
    broker: Option<String>,
    backend: Option<String>,
    queues: Vec<String>,
    entries: Vec<Entry>,
    all: bool,
    name: Option<String>,
    threads: Arc<dyn Threads>,
    make: fn(usize) -> Arc<dyn Threads>,
    grace: Duration,
    visibility_timeout: Duration,
    max_deliveries: u32,
    result_expires: Option<Duration>,
    result_extended: bool,
    keyprefix: String,
    backend_keyprefix: String,
    allow_abort: bool,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("queues", &self.queues).field("tasks", &self.entries).finish_non_exhaustive()
    }
}

impl Worker {
    /// Returns a worker for calls on these threads; `make` makes other threads for [`threads`](Self::threads).
    pub fn new(threads: Arc<dyn Threads>, make: fn(usize) -> Arc<dyn Threads>) -> Self {
        Self {
            make,
            broker: None,
            backend: None,
            queues: Vec::new(),
            entries: Vec::new(),
            all: false,
            name: None,
            threads,
            grace: Duration::from_secs(30),
            visibility_timeout: Duration::from_secs(3600),
            max_deliveries: 5,
            result_expires: None,
            result_extended: false,
            keyprefix: String::new(),
            backend_keyprefix: String::new(),
            allow_abort: false,
        }
    }

    /// Sets on how many threads calls run. Default: as many as the default pool has.
    pub fn threads(self, count: usize) -> Self {
        Self { threads: (self.make)(count), ..self }
    }

    /// Sets the threads for calls.
    pub fn on(self, threads: Arc<dyn Threads>) -> Self {
        Self { threads, ..self }
    }

    /// Sets the URL of the broker. Default: `CELERY_BROKER_URL`.
    pub fn broker(self, url: impl Into<String>) -> Self {
        Self { broker: Some(url.into()), ..self }
    }

    /// Sets the URL of the result backend. Default: `CELERY_RESULT_BACKEND`, else the broker.
    pub fn backend(self, url: impl Into<String>) -> Self {
        Self { backend: Some(url.into()), ..self }
    }

    /// Sets the prefix of all keys and topics of the broker, as `global_keyprefix` in Celery's `broker_transport_options` does.
    /// Must be the same for all clients and workers of a fleet. Default: none.
    pub fn global_keyprefix(self, prefix: impl Into<String>) -> Self {
        Self { keyprefix: prefix.into(), ..self }
    }

    /// Sets the prefix of the keys of results, as `global_keyprefix` in Celery's `result_backend_transport_options` does: a
    /// prefix that ends with none of `:`, `_`, `-` and `.` is followed by `_`. Default: none.
    pub fn backend_global_keyprefix(self, prefix: impl Into<String>) -> Self {
        Self { backend_keyprefix: prefix.into(), ..self }
    }

    /// Adds a queue to the queues of the worker; the first is served first. Default: the queues of its tasks.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queues.push(queue.into());
        self
    }

    /// Adds a task.
    pub fn task<T: Task>(mut self) -> Self {
        self.entries.push(Entry::of::<T>());
        self
    }

    /// Adds the tasks of all crates named by this program, and prints the tasks at the start. The linker drops a crate
    /// without a name in the program: `use my_tasks as _;` keeps such a crate.
    pub fn all(self) -> Self {
        Self { all: true, ..self }
    }

    /// Sets the name of the worker, which must be its own among all workers: `name@host`. Default: the program's name, the id
    /// of the process, and the host.
    pub fn hostname(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets how long calls may go on after the signal to stop. Default: 30 s.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Sets how long a message stays with a silent worker, before another worker gets the message. Must be the same for
    /// all workers of a database, as `visibility_timeout` in `broker_transport_options` is for Python's. Default: one
    /// hour.
    pub fn visibility_timeout(self, timeout: Duration) -> Self {
        Self { visibility_timeout: timeout, ..self }
    }

    /// Sets how often a message may be taken before it ends as lost. Default: 5.
    pub fn max_deliveries(self, count: u32) -> Self {
        Self { max_deliveries: count, ..self }
    }

    /// Sets how long results are kept. Default: one hour for calls from Rust, whose client reads them at once, and one day for
    /// others.
    pub fn result_expires(self, expires: Duration) -> Self {
        Self { result_expires: Some(expires), ..self }
    }

    /// Sets whether results are stored with name, arguments, worker, retries and queue of their calls. Default: no.
    pub fn result_extended(self, extended: bool) -> Self {
        Self { result_extended: extended, ..self }
    }

    /// Sets whether the worker runs in a program that is built with `panic = "abort"`: the panic of a call ends the worker there,
    /// and other workers get its messages, each at most [`max_deliveries`](Self::max_deliveries) times. Default: no.
    pub fn allow_abort(self, allow: bool) -> Self {
        Self { allow_abort: allow, ..self }
    }

    /// Runs calls. Blocks until the process is told to stop, by SIGTERM or SIGINT: the worker then takes no new message, lets
    /// the calls that run go on for the time of [`grace`](Self::grace), and gives what is left back to its queues, in order. A
    /// second signal gives it back at once.
    ///
    /// # Errors
    ///
    /// The worker does not start: an address is none, the server cannot be reached or is older than Redis 6.2, there is no task
    /// for a queue, two tasks have one name, or the program was built with `panic = "abort"` and
    /// [`allow_abort`](Self::allow_abort) does not allow that.
    pub fn run(mut self) -> Result<(), WorkerError> {
        checks::panics(cfg!(panic = "abort"), self.allow_abort)?;
        let shared = Arc::new(self.shared()?);
        let told = shared.clone();
        signals::watch(move || told.stop())
            .map_err(|error| WorkerError::new(format!("signals cannot be handled: {error}")))?;
        panics::watch();
        let begun = begin(&shared);
        if begun.is_err() {
            // The threads that have started may have taken messages.
            shared.stop();
        }
        shared.wait_for_stop();
        if !shared.wait_until_idle(self.grace) {
            eprintln!("asynctools-celery: calls still run; their messages go back");
        }
        give_back(&shared);
        begun
    }

    fn shared(&mut self) -> Result<Shared, WorkerError> {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = self.broker.take().or_else(|| set("CELERY_BROKER_URL")).unwrap_or_default();
        let broker = Address::parse(&url)?;
        let backend = self.backend.take().or_else(|| set("CELERY_RESULT_BACKEND")).filter(|backend| *backend != url);
        let backend = backend.map(|url| Address::parse(&url)).transpose()?;
        let mut entries = std::mem::take(&mut self.entries);
        if self.all {
            entries.extend(Registry::submitted());
            for entry in &entries {
                eprintln!("asynctools-celery: task `{}` of queue `{}`", entry.name, entry.options.queue);
            }
        }
        let registry = Registry::new(entries)?;
        let queues = checks::queues(&registry, std::mem::take(&mut self.queues))?;
        if self.visibility_timeout.is_zero() || self.max_deliveries == 0 {
            return Err(WorkerError::new("`visibility_timeout` and `max_deliveries` must be more than nothing"));
        }
        let name = self.name.take().unwrap_or_else(default_name);
        let keys = Arc::new(Keys::new(&self.keyprefix, &self.backend_keyprefix));
        checks::server(&broker)?;
        checks::others(&broker, &keys, &name, self.visibility_timeout)?;
        let config = Config {
            name,
            broker,
            backend,
            lists: queues.iter().flat_map(|queue| keys.lists(queue)).collect(),
            keys,
            visibility_timeout: self.visibility_timeout,
            max_deliveries: self.max_deliveries,
            result_expires: self.result_expires,
            result_extended: self.result_extended,
        };
        Ok(Shared::new(config, registry, self.threads.clone()))
    }
}

fn default_name() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    format!("{}-{}@{}", program.unwrap_or_else(|| "worker".to_owned()), process::id(), hostname())
}

/// Starts the threads of a worker.
fn begin(shared: &Arc<Shared>) -> Result<(), WorkerError> {
    spawn("celery-keep", shared, keeper::run)?;
    spawn("celery-control", shared, control::run)?;
    for list in shared.config.lists.clone() {
        spawn("celery-fetch", shared, move |shared| fetch::run(shared, &list))?;
    }
    Ok(())
}

fn spawn(name: &str, shared: &Arc<Shared>, run: impl FnOnce(&Arc<Shared>) + Send + 'static) -> Result<(), WorkerError> {
    let shared = shared.clone();
    let started = thread::Builder::new().name(name.to_owned()).spawn(move || run(&shared));
    started.map(drop).map_err(|error| WorkerError::new(format!("the system refused a thread: {error}")))
}

/// Gives the messages that are not acknowledged back to their lists; the oldest last, to the front.
fn give_back(shared: &Shared) {
    let left = shared.lock().left();
    if left.is_empty() {
        return;
    }
    // An attempt finds no more what one before it has given back, and leaves it alone.
    let attempt = || {
        let mut link = shared.new_link()?;
        left.iter().rev().try_for_each(|number| keeper::give_back(&mut link, &shared.config.keys, &shared.tag(*number)))
    };
    let again = |wait| {
        thread::sleep(wait);
        attempt()
    };
    let waits = [Duration::from_millis(100), Duration::from_secs(1)];
    let result = waits.into_iter().fold(attempt(), |result, wait| result.or_else(|_: BrokerError| again(wait)));
    if let Err(error) = result {
        let count = left.len();
        eprintln!("asynctools-celery: {count} messages come back after the visibility timeout only: {error}");
    }
}

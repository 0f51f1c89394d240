//! A client and its configuration.

use std::fmt;
use std::process;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::OnceLock;

use crate::broker::address::Address;
use crate::broker::keys::Keys;
use crate::client::call::Call;
use crate::client::call::Done;
use crate::client::check;
use crate::client::check::QueueCheck;
use crate::client::engine::Engine;
use crate::client::engine::Owner;
use crate::client::outbox::Outbox;
use crate::client::pending::Ids;
use crate::client::pending::Pending;
use crate::client::pending::finish;
use crate::client::shared::Client;
use crate::client::ticket::Ticket;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::error::WorkerError;
use crate::store::Answer;

/// A client of a broker and a result backend.
///
/// Its three threads begin with the first call and end when the last clone of the client is dropped and no call waits.
///
/// # Examples
///
/// ```
/// use asynctools_celery::App;
///
/// let app = App::builder().broker("redis://127.0.0.1:6379/0").build().unwrap();
/// drop(app);
/// ```
#[derive(Clone)]
pub struct App(Engine);

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Returns a client for `CELERY_BROKER_URL` and `CELERY_RESULT_BACKEND`, which is the broker where it is not set.
    ///
    /// # Errors
    ///
    /// `CELERY_BROKER_URL` is not set, or one of the two is no address of a Redis.
    pub fn from_env() -> Result<Self, WorkerError> {
        AppBuilder::from_env().build()
    }

    /// Returns a builder.
    pub fn builder() -> AppBuilder {
        AppBuilder::default()
    }

    /// Returns a client of an engine of this process.
    pub(crate) fn of(engine: impl Fn(Call, Done) + Send + Sync + 'static) -> Self {
        Self(Engine::Local(Arc::new(engine)))
    }

    /// Sends a call and calls `done` with its end, on a thread of the client. Blocks while more calls wait to be sent than
    /// [`AppBuilder::queue`] allows; never blocks in a `done`.
    pub fn send(&self, call: Call, done: impl FnOnce(Answer) + Send + 'static) {
        self.ticket().send(call, done);
    }

    /// Returns the place of a call that is to be sent.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        let number = match &self.0 {
            Engine::Remote(owner) => owner.0.ids.next(),
            Engine::Local(_) => 0,
        };
        Ticket::new(self.0.clone(), number)
    }

    /// Looks at a queue. Blocks until all workers have answered, for at most a second.
    ///
    /// # Errors
    ///
    /// The broker cannot be reached. A client without a broker has no queues.
    pub fn check(&self, queue: &str) -> Result<QueueCheck, WorkerError> {
        match &self.0 {
            Engine::Remote(owner) => {
                let client = owner.client().map_err(|error| WorkerError::new(error.message))?;
                check::check(client, queue).map_err(|error| WorkerError::new(error.to_string()))
            }
            Engine::Local(_) => Err(WorkerError::new("a client without a broker has no queues")),
        }
    }

    /// Waits for a call that this client did not make, such as one of a program that has ended, and calls `done` with its end.
    /// Looks for the result at once, then every half second, and leaves it in the backend.
    ///
    /// A wait for a call of this client's own ends with the call. It ends at once, as [`Broker`](RemoteErrorKind::Broker), after the
    /// client has delivered the result and deleted it; not if the client [keeps results](AppBuilder::keep_results), or if the
    /// call's time was over before.
    pub fn attach(&self, id: impl Into<String>, done: impl FnOnce(Answer) + Send + 'static) {
        let (id, done) = (id.into(), Box::new(done));
        match &self.0 {
            Engine::Remote(owner) => match owner.begun() {
                Ok(client) => {
                    let own = client.ids.number(&id);
                    client.pending.attach(id, own, done);
                }
                Err(error) => finish(done, error.with_task_id(id).into()),
            },
            Engine::Local(_) => {
                let error = RemoteError::new(RemoteErrorKind::Broker, "a client without a broker has no other calls");
                finish(done, error.with_task_id(id).into());
            }
        }
    }

    /// Blocks until every call of this client is sent or has failed. If the program ends sooner, unsent calls are lost. In a
    /// `done` it returns at once, since the calls are sent by the thread that runs it.
    pub fn flush(&self) {
        if let Engine::Remote(owner) = &self.0
            && let Ok(client) = owner.client()
        {
            client.outbox.flush();
        }
    }
}

/// Configures a client.
///
/// # Examples
///
/// ```
/// use asynctools_celery::App;
///
/// let error = App::builder().broker("redis://127.0.0.1").queue(0).build().unwrap_err();
/// assert!(error.to_string().contains("`queue`"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is configured until `.build()`"]
pub struct AppBuilder {
    broker: String,
    backend: Option<String>,
    queue: usize,
    keep_results: bool,
    log_args: bool,
    keyprefix: String,
    backend_keyprefix: String,
}

impl Default for AppBuilder {
    fn default() -> Self {
        Self {
            broker: String::new(),
            backend: None,
            queue: 10_000,
            keep_results: false,
            log_args: false,
            keyprefix: String::new(),
            backend_keyprefix: String::new(),
        }
    }
}

impl AppBuilder {
    /// Returns a builder with the addresses that the environment names.
    pub fn from_env() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let broker = set("CELERY_BROKER_URL").unwrap_or_default();
        Self { broker, backend: set("CELERY_RESULT_BACKEND"), ..Self::default() }
    }

    /// Sets the URL of the broker: `redis://host:port/database`.
    pub fn broker(self, url: impl Into<String>) -> Self {
        Self { broker: url.into(), ..self }
    }

    /// Sets the URL of the result backend. Default: the broker.
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

    /// Sets how many calls may wait to be sent, then callers wait. Default: 10,000.
    pub fn queue(self, calls: usize) -> Self {
        Self { queue: calls, ..self }
    }

    /// Sets whether results stay in the backend after they were delivered, until their time to live is over. Default: no.
    pub fn keep_results(self, keep: bool) -> Self {
        Self { keep_results: keep, ..self }
    }

    /// Sets whether the arguments of calls are readable in the headers of messages, where monitors show them. Default: no.
    pub fn log_args(self, log: bool) -> Self {
        Self { log_args: log, ..self }
    }

    /// Returns the client. Does not connect: a broker that cannot be reached ends calls as
    /// [`Broker`](RemoteErrorKind::Broker).
    ///
    /// # Errors
    ///
    /// The broker or the backend is no address of a Redis, or the queue has no room.
    pub fn build(self) -> Result<App, WorkerError> {
        self.build_in(process::id())
    }

    /// Returns the client of the process with this id.
    fn build_in(self, process: u32) -> Result<App, WorkerError> {
        if self.queue == 0 {
            return Err(WorkerError::new("`queue`: no call could be sent; give it room for at least 1"));
        }
        let broker = Address::parse(&self.broker)?;
        let backend = self.backend.map_or_else(|| Ok(broker.clone()), |url| Address::parse(&url))?;
        let client = Client {
            broker,
            backend,
            keys: Keys::new(&self.keyprefix, &self.backend_keyprefix),
            ids: Ids::new(),
            pending: Pending::new(self.keep_results),
            outbox: Outbox::new(self.queue),
            log_args: self.log_args,
            origin: format!("gen{process}@{}", hostname()),
            process,
            begun: OnceLock::new(),
            listening: Mutex::default(),
            listened: Condvar::new(),
        };
        Ok(App(Engine::Remote(Arc::new(Owner(Arc::new(client))))))
    }
}

/// Returns the name of this machine, as far as safe code can learn it.
pub(crate) fn hostname() -> String {
    let file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = file.or_else(|| std::env::var("HOSTNAME").ok()).or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;
    use std::process;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use crate::client::app::App;
    use crate::client::call::Call;
    use crate::client::call::CallOptions;
    use crate::client::engine::Engine;
    use crate::client::engine::start;
    use crate::error::RemoteErrorKind;
    use crate::registry::TaskOptions;
    use crate::store::Answer;

    /// After a fork the child has the client of its parent, with the same next id.
    #[test]
    fn a_client_from_before_a_fork_does_nothing() {
        let app = App::builder().broker("redis://127.0.0.1:1").build_in(process::id() ^ 1).unwrap();
        let (tell, told) = channel::<Answer>();
        let second = tell.clone();
        app.send(Call::new("task", TaskOptions::DEFAULT, ()), move |answer| tell.send(answer).unwrap());
        app.attach("id", move |answer| second.send(answer).unwrap());
        for why in ["a call", "a call of another client"] {
            let error = told.try_recv().expect("it ends at once").into_value::<()>().unwrap_err();
            assert_eq!(error.kind, RemoteErrorKind::Broker, "{why}: {error}");
            assert!(error.message.contains("before a fork"), "{why}: {error}");
        }
        assert!(app.check("queue").unwrap_err().to_string().contains("before a fork"));
        app.flush();
        let Engine::Remote(owner) = &app.0 else { unreachable!() };
        assert!(owner.0.begun.get().is_none(), "no thread began, so no id was used");
    }

    /// The sender has the call and its program has dropped the client, so nothing waits that another thread could see.
    #[test]
    fn a_dropped_client_listens_for_a_call_that_is_not_sent_yet() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let app = App::builder().broker(format!("redis://{}", server.local_addr().unwrap())).build().unwrap();
        let (connect, connected) = channel();
        // It answers nothing, so each attempt to listen is followed by another one.
        thread::spawn(move || server.incoming().try_for_each(|_| connect.send(())));
        let (open, gate) = channel::<()>();
        let (tell, told) = channel::<Answer>();
        let arguments = move || Ok(gate.recv().map_or("[]", |()| "[]").to_owned());
        let call = Call::written("task", CallOptions::of(TaskOptions::DEFAULT), arguments);
        app.send(call, move |answer| tell.send(answer).unwrap());
        drop(app);
        let seconds = Duration::from_secs(20);
        for attempt in 1..=3 {
            connected.recv_timeout(seconds).unwrap_or_else(|_| panic!("attempt {attempt} to listen"));
        }
        open.send(()).unwrap();
        let error = told.recv_timeout(seconds).expect("the call ends").into_value::<()>().unwrap_err();
        assert_eq!(error.kind, RemoteErrorKind::Broker, "{error}");
        assert!(!error.message.contains("does not answer"), "an attempt has failed, and says why: {error}");
    }

    #[test]
    fn a_refused_thread_ends_the_client() {
        for refused in ["celery-listen", "celery-sweep", "celery-send"] {
            let app = App::builder().broker("redis://127.0.0.1:1").build().unwrap();
            let Engine::Remote(owner) = &app.0 else { unreachable!() };
            let mut threads = Vec::new();
            let begun = start(&owner.0, |name, run| {
                if name == refused {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                threads.push(thread::spawn(run));
                Ok(())
            });
            owner.0.begun.set(begun).unwrap();
            let (tell, told) = channel::<Answer>();
            let second = tell.clone();
            app.send(Call::new("task", TaskOptions::DEFAULT, ()), move |answer| tell.send(answer).unwrap());
            app.attach("id", move |answer| second.send(answer).unwrap());
            for _ in 0..2 {
                let error = told.try_recv().expect("it ends at once").into_value::<()>().unwrap_err();
                assert_eq!(error.kind, RemoteErrorKind::Broker, "{error}");
                assert!(error.message.contains(refused), "{error}");
            }
            app.flush();
            for thread in threads {
                thread.join().expect("what has started ends");
            }
        }
    }

    #[test]
    fn a_ticket_is_good_for_one_call() {
        let app = App::local(|job| job());
        let ticket = app.ticket();
        let kinds = [0, 1].map(|_| {
            let (tell, told) = channel::<Answer>();
            ticket.send(Call::new("task", TaskOptions::DEFAULT, ()), move |answer| tell.send(answer).unwrap());
            told.try_recv().expect("it ends at once").into_value::<()>().unwrap_err().kind
        });
        assert_eq!(kinds, [RemoteErrorKind::NotRegistered, RemoteErrorKind::Broker]);
    }
}

//! Servers and workers, which end with the test that started them.

use std::env;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools_celery::App;
use celery_tests::redis::Client;
use celery_tests::redis::Reply;

/// Returns how long anything in these tests may take: a minute, or the seconds in `CELERY_PATIENCE`.
pub(crate) fn patience() -> Duration {
    let seconds = env::var("CELERY_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(60))
}

/// Waits until this is so.
pub(crate) fn wait_until(promised: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + patience();
    while !is_so() {
        assert!(Instant::now() < end, "it does not come to pass: {promised}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The program `redis-server`.
pub(crate) fn redis_server() -> Option<PathBuf> {
    program("redis-server")
}

/// A program of this machine.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The Python that has Celery.
pub(crate) fn python() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_worker")).parent()?.parent()?;
    let python = target.join("celery-venv/bin/python");
    python.is_file().then_some(python)
}

/// A process that ends with its test.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        if env::var_os("CELERY_LOUD").is_none() {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.id().to_string()]).status();
        assert!(sent.expect("there is a `kill`").success(), "signal {signal}");
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().expect("it is ours").is_none()
    }

    /// Kills the process, as a machine that loses its power does.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it is ours");
    }

    /// Waits for the end of the process: whether it went well.
    pub(crate) fn wait(&mut self) -> bool {
        let end = Instant::now() + patience();
        loop {
            if let Some(status) = self.0.try_wait().expect("it is ours") {
                return status.success();
            }
            assert!(Instant::now() < end, "the process goes on");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a process, and ends it when it has written this many lines to its standard error, or has ended itself.
pub(crate) fn first_words(command: &mut Command, lines: usize) -> Vec<String> {
    let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it is built");
    let (tell, told) = channel();
    let written = BufReader::new(process.stderr.take().expect("it is piped"));
    thread::spawn(move || written.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let _process = Process(process);
    (0..lines).map_while(|_| told.recv_timeout(patience()).ok()).collect()
}

/// Starts a worker for the server at an address.
pub(crate) fn worker_at(url: &str, threads: usize, options: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    Process::start(command.arg(url).arg(threads.to_string()).args(options))
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A Redis of a test's own.
pub(crate) struct Redis {
    server: Option<Process>,
    pub(crate) port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

impl Redis {
    pub(crate) fn start() -> Self {
        Self::with(&["--save", ""])
    }

    pub(crate) fn with(options: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("celery-tests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder for its files");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut redis = Self { server: None, port: free_port(), folder, options };
        // Another program may have taken the port meanwhile.
        while !redis.begin() {
            redis.port = free_port();
        }
        redis
    }

    /// Starts the server, again after [`stop`](Self::stop).
    pub(crate) fn restart(&mut self) {
        assert!(self.begin(), "redis-server does not start");
    }

    /// Starts the server. Returns whether it is the one that answers at its port.
    fn begin(&mut self) -> bool {
        let mut command = Command::new(redis_server().expect("the runner has looked for it"));
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(&self.folder);
        let mut server = Process::start(command.args(&self.options));
        let (own, end) = (format!("process_id:{}\r", server.id()), Instant::now() + patience());
        while !self.try_call(&["INFO", "server"]).is_some_and(|info| info.to_string().contains(&own)) {
            if !server.runs() {
                return false;
            }
            assert!(Instant::now() < end, "redis-server does not answer");
            thread::sleep(Duration::from_millis(10));
        }
        self.server = Some(server);
        true
    }

    pub(crate) fn stop(&mut self) {
        self.server = None;
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    fn try_call(&self, parts: &[&str]) -> Option<Reply> {
        Client::open(self.port).ok()?.call(parts).ok()
    }

    pub(crate) fn call(&self, parts: &[&str]) -> Reply {
        self.try_call(parts).expect("the server answers")
    }

    /// Returns the number at a key, or the length of a list; nothing is 0.
    pub(crate) fn number(&self, parts: &[&str]) -> i64 {
        match self.call(parts) {
            Reply::Nil => 0,
            reply => reply.to_string().parse().unwrap_or_else(|_| panic!("{parts:?}: {reply}")),
        }
    }

    pub(crate) fn app(&self) -> App {
        App::builder().broker(self.url()).build().expect("it is an address")
    }

    pub(crate) fn worker(&self, threads: usize, options: &[&str]) -> Process {
        worker_at(&self.url(), threads, options)
    }

    /// Starts a worker, and ends it when it has written this many lines to its standard error.
    pub(crate) fn first_words(&self, options: &[&str], lines: usize) -> Vec<String> {
        first_words(Command::new(env!("CARGO_BIN_EXE_worker")).arg(self.url()).arg("1").args(options), lines)
    }

    /// Starts a Python worker for a queue.
    pub(crate) fn python_worker(&self, options: &[&str], environment: &[(&str, &str)]) -> Process {
        let mut command = self.python();
        command.args(["-m", "celery", "-A", "tasks", "worker", "-c", "1", "-P", "prefork", "-l", "INFO"]);
        command.args(["--without-gossip", "--without-mingle", "--without-heartbeat"]).args(options);
        Process::start(command.envs(environment.iter().copied()))
    }

    /// Returns a Python that knows the tasks and the broker.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(python().expect("the runner has looked for it"));
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python")).env("CELERY_BROKER_URL", self.url());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs lines of Python, which know `app` and `port`, and returns what they print.
    pub(crate) fn run_python(&self, code: &str) -> String {
        self.run_python_at(&self.url(), code)
    }

    /// Runs lines of Python with another address of this server.
    pub(crate) fn run_python_at(&self, url: &str, code: &str) -> String {
        self.run_python_with(&[("CELERY_BROKER_URL", url)], code)
    }

    /// Runs lines of Python in this environment.
    pub(crate) fn run_python_with(&self, environment: &[(&str, &str)], code: &str) -> String {
        let before = format!("from tasks import app\nport = {}\n", self.port);
        let mut python = self.python();
        let output = python.envs(environment.iter().copied()).args(["-c", &format!("{before}{code}")]).output();
        let output = output.expect("Python starts");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{code}\n{error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Waits until this many workers answer questions of remote control.
    pub(crate) fn wait_for_answers(&self, workers: usize) {
        let app = self.app();
        let answers = || app.check("rs").expect("the server answers").workers.len();
        wait_until(&format!("{workers} workers answer"), || answers() == workers);
    }

    /// Waits until a worker of Rust waits for messages.
    pub(crate) fn wait_for_worker(&self) {
        wait_until("a worker waits", || self.call(&["CLIENT", "LIST"]).to_string().contains("cmd=blmove"));
    }

    /// Waits until the queue of the tests is empty and no worker has a message.
    pub(crate) fn wait_for_nothing(&self) {
        wait_until("nothing is left", || {
            [["HLEN", "unacked"], ["ZCARD", "unacked_index"], ["LLEN", "rs"]]
                .iter()
                .all(|parts| self.number(parts) == 0)
        });
    }

    /// Waits until a key has this number.
    pub(crate) fn wait_for(&self, parts: &[&str], number: i64) {
        let end = Instant::now() + patience();
        while self.number(parts) != number {
            assert!(Instant::now() < end, "{parts:?} is {}, not {number}", self.number(parts));
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

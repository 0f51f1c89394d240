//! Ratios to Python, the systems in turns: `bench [ROUNDS]`, in a release build, after `tests/celery/servers`.

use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools_celery::App;
use asynctools_celery::Call;
use asynctools_celery::CallOptions;
use asynctools_celery::Task;
use celery_tests::redis::Client;
use celery_tests::send;
use celery_tests::tasks::Add;

const TRIPS: usize = 400;
const DELAYS: usize = 10_000;
const BATCH: usize = 20_000;

/// A process that ends with the program.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Process {
    let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Process(started.unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// A server with a worker of its own, or several.
struct System {
    port: u16,
    _processes: Vec<Process>,
}

impl System {
    fn start(port: u16, workers: impl FnOnce(&str) -> Vec<Command>) -> Self {
        let server = start(Command::new("redis-server").args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
        ]));
        while Client::open(port).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        let url = format!("redis://127.0.0.1:{port}/0");
        let mut processes: Vec<_> = workers(&url).iter_mut().map(start).collect();
        processes.push(server);
        Self { port, _processes: processes }
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    fn python(&self, args: &[&str]) -> f64 {
        let output = python(&self.url()).arg("bench.py").args(args).output().expect("Python starts");
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().unwrap_or_else(|_| panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

fn python(url: &str) -> Command {
    let target =
        std::env::current_exe().expect("this program").parent().and_then(|path| path.parent()).map(ToOwned::to_owned);
    let mut command = Command::new(target.expect("target/release").join("celery-venv/bin/python"));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/python")).env("CELERY_BROKER_URL", url);
    command
}

fn rust_worker(url: &str, threads: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program").with_file_name("worker"));
    command.args([url, threads]);
    command
}

fn app(system: &System) -> App {
    App::builder().broker(system.url()).build().expect("it is an address")
}

/// Returns the median of round trips.
fn trips(app: &App) -> f64 {
    let mut times: Vec<_> = (0..TRIPS)
        .map(|n| {
            let start = Instant::now();
            send::<i64>(app, Call::new(Add::NAME, Add::OPTIONS, (n, 1))).get().expect("a value");
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[TRIPS / 2]
}

fn delays(app: &App) -> f64 {
    let start = Instant::now();
    for n in 0..DELAYS {
        let options = CallOptions::of(Add::OPTIONS).queue("nobody");
        send::<i64>(app, Call::new(Add::NAME, Add::OPTIONS, (n, 1)).with(options)).detach();
    }
    app.flush();
    start.elapsed().as_secs_f64()
}

fn batch(app: &App) -> f64 {
    let start = Instant::now();
    let calls: AsyncList<_> =
        (0..BATCH).map(|n| send::<i64>(app, Call::new(Add::NAME, Add::OPTIONS, (n, 1)))).collect();
    assert!(calls.get().iter().all(Result::is_ok));
    start.elapsed().as_secs_f64()
}

/// Returns the bytes of memory that this process uses.
fn memory() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(f64::NAN) * 4096.0
}

/// Returns the bytes of a handle that waits for a call on the fleet, all that stands behind it included.
fn waiting_handle(app: &App) -> f64 {
    const HANDLES: u32 = 200_000;
    let options = || CallOptions::of(Add::OPTIONS).queue("nobody");
    let wait = |n| send::<i64>(app, Call::new(Add::NAME, Add::OPTIONS, (n, 1)).with(options()));
    wait(0).detach();
    app.flush();
    let before = memory();
    let handles: AsyncList<_> = (0..HANDLES).map(wait).collect();
    app.flush();
    let bytes = (memory() - before) / f64::from(HANDLES);
    drop(handles);
    bytes
}

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(3, |rounds| rounds.parse().expect("a number of rounds"));
    let one = System::start(7411, |url| vec![rust_worker(url, "1")]);
    let eight = System::start(7412, |url| vec![rust_worker(url, "8")]);
    let theirs = System::start(7413, |url| {
        let mut command = python(url);
        command.args(["-m", "celery", "-A", "tasks", "worker", "-c", "1", "-Q", "py", "-l", "ERROR"]);
        command.args(["--without-gossip", "--without-mingle"]);
        vec![command]
    });
    println!("a waiting handle: {:.0} bytes (at most 300)", waiting_handle(&app(&eight)));
    // The Python worker takes a while.
    theirs.python(&["trips", "py.add", "py", "20"]);
    let (trips_n, delays_n) = (TRIPS.to_string(), DELAYS.to_string());
    for _ in 0..rounds {
        let base = theirs.python(&["trips", "py.add", "py", &trips_n]);
        let row = |what: &str, ours: f64, theirs: f64, bar: f64| {
            let (ratio, ours, theirs) = (ours / theirs, ours * 1e6, theirs * 1e6);
            println!("{what:<44} {ours:>12.0} us {theirs:>12.0} us  {ratio:.3} (at most {bar:.2})");
        };
        row("round trip, one thread", trips(&app(&one)), base, 0.12);
        row("round trip, eight threads", trips(&app(&eight)), base, 0.15);
        row("round trip, client in Python", one.python(&["trips", "rs.Add", "rs", &trips_n]), base, 0.60);
        row("10,000 calls sent one by one", delays(&app(&one)), theirs.python(&["delays", &delays_n]), 0.08);
        let fewer = theirs.python(&["batch", "py.add", "py", "4000"]) * 5.0;
        row("20,000 calls sent, run, collected", batch(&app(&one)), fewer, 0.10);
    }
}

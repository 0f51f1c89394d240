//! What waits cost, program by program: `cargo run -p tests --bin lending`, with a word only the programs whose names contain
//! it. Each program runs in a process of its own; a row has its threads, its time, and what the bar says. The exit status tells
//! whether a bar of threads, of calls at once, or of calls kept is broken; a bar of time is shown only, since machines differ.

use std::process::Command;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::pooled;
use tests::watch::leave_room;
use tests::watch::threads;

/// A program, and the bars for it.
struct Program {
    name: &'static str,
    run: fn() -> Seen,
    /// The most threads of pools at a time.
    threads: Option<usize>,
    /// The bar for what the program counts.
    count: Bar,
    millis: Option<u64>,
}

#[derive(Clone, Copy)]
enum Bar {
    None,
    AtMost(usize),
    Exactly(usize),
}

/// What a program counts, besides threads and time.
struct Seen {
    what: &'static str,
    count: usize,
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn pool(workers: usize) -> Arc<Pool> {
    Arc::new(Pool::new(workers))
}

fn bounded(workers: usize, queue: usize) -> Arc<Pool> {
    Arc::new(Pool::builder().workers(workers).queue(queue).build().expect("nothing to refuse"))
}

/// A gauge of those inside.
#[derive(Clone, Default)]
struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    fn enter(&self) {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// `calls` of one pool of five wait each for a call of another pool of five.
fn nested(outer: &Pool, calls: usize, inner_ms: u64) -> AsyncList<usize> {
    let inner = pool(5);
    outer.map(0..calls, move |n| {
        let fetch = inner.spawn(move || {
            thread::sleep(ms(inner_ms));
            n
        });
        fetch.get()
    })
}

fn two_pools() -> Seen {
    Seen { what: "ended", count: nested(&pool(5), 5_000, 5).get().len() }
}

fn two_pools_below_a_driver() -> Seen {
    let driver = Pool::new(1);
    let ended = driver.spawn(|| nested(&pool(5), 3_000, 5).get().len());
    Seen { what: "ended", count: ended.get() }
}

fn two_pools_slow() -> Seen {
    let outer = pool(5);
    let calls = nested(&outer, 5_000, 1_000);
    thread::sleep(ms(8_000));
    let count = calls.iter().filter(|call| call.is_finished()).count();
    end_here("ended in 8 s", count)
}

/// A producer, a stage and a consumer, with a bounded queue before each: the most calls that were made and have not ended.
fn pipeline(items: usize, consumer_ms: u64, limit: Duration) -> Seen {
    let (stage, consumer) = (bounded(2, 8), bounded(2, 8));
    let on_the_way = Gauge::default();
    let done = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let gauge = on_the_way.clone();
    let count = done.clone();
    thread::spawn(move || {
        for _ in 0..items {
            gauge.enter();
            let (consumer, gauge, count) = (consumer.clone(), gauge.clone(), count.clone());
            let call = stage.spawn(move || {
                let call = consumer.spawn(move || {
                    thread::sleep(ms(consumer_ms));
                    gauge.leave();
                    count.fetch_add(1, Ordering::SeqCst);
                });
                call.detach();
            });
            call.detach();
        }
    });
    while done.load(Ordering::SeqCst) < items && start.elapsed() < limit {
        thread::sleep(ms(5));
    }
    end_here("calls on the way", on_the_way.most())
}

fn pipeline_fast() -> Seen {
    pipeline(2_000, 2, ms(60_000))
}

fn pipeline_slow() -> Seen {
    pipeline(2_000, 500, ms(8_000))
}

fn one_token() -> Seen {
    let (pool, elsewhere) = (pool(2), Pool::new(1));
    let token = elsewhere.spawn(|| thread::sleep(ms(300))).shared();
    let gauge = Gauge::default();
    let inside = gauge.clone();
    let calls = pool.map(0..50, move |_| {
        token.wait();
        inside.enter();
        thread::sleep(ms(20));
        inside.leave();
    });
    calls.wait();
    Seen { what: "at once", count: gauge.most() }
}

fn timed_waits() -> Seen {
    let (pool, elsewhere) = (pool(1), Pool::new(1));
    let token = elsewhere.spawn(|| thread::sleep(ms(300))).shared();
    let gauge = Gauge::default();
    let inside = gauge.clone();
    let calls = pool.map(0..100, move |_| {
        inside.enter();
        let _ended = token.wait_timeout(ms(20));
        inside.leave();
    });
    calls.wait();
    Seen { what: "at once", count: gauge.most() }
}

fn timed_waits_in_a_row() -> Seen {
    let (pool, gauge) = (pool(1), Gauge::default());
    let (inner, inside) = (pool.clone(), gauge.clone());
    let body = pool.spawn(move || {
        let call = |_| {
            let inside = inside.clone();
            let call = inner.spawn(move || {
                inside.enter();
                thread::sleep(ms(30));
                inside.leave();
            });
            let _ended = call.wait_timeout(ms(1));
            call
        };
        (0..200).map(call).collect::<AsyncList<_>>()
    });
    body.get().wait();
    Seen { what: "at once", count: gauge.most() }
}

fn refused() -> Seen {
    const STACK: usize = 64 << 20;
    let room = leave_room(56 * STACK);
    let pool = || Arc::new(Pool::builder().workers(5).stack_size(STACK).build().expect("nothing to refuse"));
    let (outer, inner) = (pool(), pool());
    let calls = outer.map(0..3_000, move |n| {
        let call = inner.spawn(move || {
            thread::sleep(ms(1));
            n
        });
        call.get()
    });
    let kept = calls.outcomes().into_iter().flatten().count();
    Seen { what: if room { "kept" } else { "kept, without `prlimit`" }, count: kept }
}

/// Calls wait for a promise that the call behind them sets; `services` more calls run all the time.
fn opaque(workers: usize, waiters: usize, services: usize) -> Seen {
    let (pool, elsewhere) = (pool(workers), Pool::new(1));
    let over = Arc::new(AtomicBool::new(false));
    let serve = |pool: &Pool| {
        let over = over.clone();
        let service = move || {
            while !over.load(Ordering::SeqCst) {
                thread::sleep(ms(1));
            }
        };
        pool.spawn(service)
    };
    let services: Vec<_> = [&*pool, &elsewhere].into_iter().take(services).map(serve).collect();
    let (promise, value) = AsyncValue::promise();
    let value = value.shared();
    let calls = pool.map(0..waiters, move |_| value.wait());
    pool.spawn(move || promise.set(())).detach();
    let count = calls.get().len();
    over.store(true, Ordering::SeqCst);
    drop(services);
    Seen { what: "ended", count }
}

fn opaque_waits() -> Seen {
    opaque(1, 20, 0)
}

fn opaque_waits_beside_services() -> Seen {
    opaque(2, 8, 2)
}

fn full_pools() -> Seen {
    let pools = [bounded(1, 1), bounded(1, 1)];
    let fill = |n: usize| {
        let (here, there) = (pools[n].clone(), pools[1 - n].clone());
        here.spawn(move || (0..150).map(|n| there.spawn(move || n)).collect::<AsyncList<_>>().get().len() + 1)
    };
    Seen { what: "ended", count: [fill(0), fill(1)].map(AsyncValue::get).into_iter().sum() }
}

fn long_waits_before_short_calls() -> Seen {
    let (pool, elsewhere) = (pool(2), pool(100));
    let waits = pool.map(0..100, move |_| elsewhere.spawn(|| thread::sleep(ms(1_000))).get());
    let short = pool.map(0..1_000, |_| ());
    let count = short.get().len();
    waits.wait();
    Seen { what: "ended", count }
}

static PAGES: Pool = Pool::new(2);
static FETCH: Pool = Pool::new(16);

#[pooled(pool = FETCH)]
fn fetch(n: usize) -> usize {
    thread::sleep(ms(100));
    n
}

#[pooled(pool = PAGES)]
fn page(text: usize) -> usize {
    text
}

fn crawler() -> Seen {
    Seen { what: "ended", count: PAGES.map(0..400, |n| fetch(n).get()).get().len() }
}

fn crawler_as_dataflow() -> Seen {
    Seen { what: "ended", count: (0..400).map(|n| page(fetch(n))).collect::<AsyncList<_>>().get().len() }
}

fn two_pools_deep() -> Seen {
    fn turn(pools: Arc<[Arc<Pool>; 2]>, left: usize) -> AsyncValue<usize> {
        let pool = pools[left % 2].clone();
        pool.spawn(move || if left == 0 { 0 } else { 1 + turn(pools, left - 1).get() })
    }
    let pools = Arc::new([pool(1), pool(1)]);
    let count = turn(pools.clone(), 1_000).get();
    Seen { what: "deep", count }
}

fn fib_of(workers: usize) -> Seen {
    fn fib(pool: &Arc<Pool>, n: u32) -> usize {
        if n < 2 {
            return n as usize;
        }
        let (left, right) = (pool.clone(), pool.clone());
        let (left, right) = (pool.spawn(move || fib(&left, n - 1)), pool.spawn(move || fib(&right, n - 2)));
        left.get() + right.get()
    }
    let pool = pool(workers);
    let inner = pool.clone();
    Seen { what: "is fib(22)", count: pool.spawn(move || fib(&inner, 22)).get() }
}

fn nested_waits(workers: usize) -> Seen {
    fn down(pool: &Arc<Pool>, n: usize) -> AsyncValue<usize> {
        let inner = pool.clone();
        pool.spawn(move || if n == 0 { 0 } else { 1 + down(&inner, n - 1).get() })
    }
    let pool = pool(workers);
    Seen { what: "deep", count: down(&pool, 10_000).get() }
}

const PROGRAMS: &[Program] = &[
    row("two pools of 5, 5,000 nested waits of 5 ms", two_pools).threads(24).exactly(5_000),
    row("the same below a driver, 3,000", two_pools_below_a_driver).threads(30).exactly(3_000),
    row("two pools of 5, inner calls of 1 s, after 8 s", two_pools_slow).threads(24),
    row("bounded pipeline, 2 ms per call", pipeline_fast).threads(12).at_most(30),
    row("bounded pipeline, consumer of 500 ms, after 8 s", pipeline_slow).threads(12).at_most(30),
    row("50 waiters of a token of 300 ms, pool of 2", one_token).at_most(4),
    row("100 timed waits of one call, pool of 1", timed_waits).at_most(2),
    row("a body that gives 200 calls 1 ms each, pool of 1", timed_waits_in_a_row).at_most(2),
    row("threads are refused, 3,000 calls", refused).exactly(3_000),
    row("20 waits for the call behind, pool of 1", opaque_waits).exactly(20).millis(1_500),
    row("8 of them, pool of 2, with two services", opaque_waits_beside_services).exactly(8),
    row("two full pools that submit into each other, 302", full_pools).exactly(302).millis(200),
    row("100 waits of 1 s before 1,000 short calls, pool of 2", long_waits_before_short_calls).exactly(1_000),
    row("crawler, 400 pages, 2 wait for 16", crawler).exactly(400),
    row("crawler as dataflow", crawler_as_dataflow).threads(20).exactly(400).millis(3_000),
    row("two pools of 1, 1,000 deep", two_pools_deep).threads(1_004).exactly(1_000).millis(1_200),
    row("fib(22), 1 worker", || fib_of(1)).threads(4).exactly(17_711),
    row("fib(22), 2 workers", || fib_of(2)).threads(10).exactly(17_711),
    row("fib(22), 3 workers", || fib_of(3)).threads(16).exactly(17_711),
    row("10,000 nested waits, 1 worker", || nested_waits(1)).threads(100).exactly(10_000),
];

const fn row(name: &'static str, run: fn() -> Seen) -> Program {
    Program { name, run, threads: None, count: Bar::None, millis: None }
}

impl Program {
    const fn threads(self, most: usize) -> Self {
        Self { threads: Some(most), ..self }
    }

    const fn at_most(self, count: usize) -> Self {
        Self { count: Bar::AtMost(count), ..self }
    }

    const fn exactly(self, count: usize) -> Self {
        Self { count: Bar::Exactly(count), ..self }
    }

    const fn millis(self, millis: u64) -> Self {
        Self { millis: Some(millis), ..self }
    }
}

/// The most threads that were seen beside the main one and the one that looks.
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn look() {
    PEAK.fetch_max(threads().saturating_sub(2), Ordering::SeqCst);
}

/// Reports and ends the process, with calls still under way.
fn end_here(what: &'static str, count: usize) -> Seen {
    report(&Seen { what, count });
    std::process::exit(0)
}

fn report(seen: &Seen) {
    look();
    println!("{} {} {}", PEAK.load(Ordering::SeqCst), seen.count, seen.what);
}

/// Runs a program in this process.
fn run(program: &Program) {
    thread::spawn(|| {
        loop {
            look();
            thread::sleep(ms(1));
        }
    });
    report(&(program.run)());
    // The pools would wait for threads that linger.
    std::process::exit(0)
}

/// Runs a program in a process of its own, and prints its row; whether the bars hold.
fn judge(at: usize, program: &Program) -> bool {
    let start = Instant::now();
    let this = std::env::current_exe().expect("a program has a path");
    let output = Command::new("timeout").arg("120").arg(this).args(["--run", &at.to_string()]).output();
    let output = output.expect("a program can start a process");
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut fields = text.trim().splitn(3, ' ');
    let mut number = || fields.next().and_then(|field| field.parse::<usize>().ok());
    let (Some(threads), Some(count), true) = (number(), number(), output.status.success()) else {
        println!("| {} | | {took:.2?} | {} | broken |", program.name, output.status);
        return false;
    };
    let what = fields.next().unwrap_or_default();
    let mut broken = Vec::new();
    let mut late = String::new();
    if let Some(most) = program.threads.filter(|most| threads > *most) {
        broken.push(format!("threads > {most}"));
    }
    match program.count {
        Bar::AtMost(most) if count > most => broken.push(format!("{what} > {most}")),
        Bar::Exactly(wanted) if count != wanted => broken.push(format!("{what} is not {wanted}")),
        _ => {}
    }
    if let Some(millis) = program.millis.filter(|millis| took > ms(*millis)) {
        late = format!(" (over {millis} ms)");
    }
    let verdict = if broken.is_empty() { "holds".to_owned() } else { format!("broken: {}", broken.join(", ")) };
    println!("| {} | {threads} | {:.2} s{late} | {count} {what} | {verdict} |", program.name, took.as_secs_f64());
    broken.is_empty()
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let word = args.next().unwrap_or_default();
    if word == "--run" {
        let at = args.next().and_then(|at| at.parse::<usize>().ok());
        run(at.and_then(|at| PROGRAMS.get(at)).expect("the number of a program"));
    }
    println!("| program | threads | time | counted | bars |");
    println!("| --- | --- | --- | --- | --- |");
    let chosen = PROGRAMS.iter().enumerate().filter(|(_, program)| program.name.contains(&word));
    let broken = chosen.filter(|(at, program)| !judge(*at, program)).count();
    println!("{broken} rows with a broken bar");
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

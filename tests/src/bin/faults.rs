//! Faults that end the process, or belong to the whole of it: `faults NAME` commits one. `tests/faults.rs` runs them all and
//! says how each has to end.

use std::cell::RefCell;
use std::hint::black_box;
use std::io::Write;
use std::io::stdout;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::Command;
use std::process::ExitCode;
use std::process::exit;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

type Fault = (&'static str, fn());

const FAULTS: &[Fault] = &[
    ("panic", panics),
    ("panic_while_busy", panics_while_busy),
    ("panic_while_unwinding", panics_while_unwinding),
    ("panic_in_a_thread_local", panics_in_a_thread_local),
    ("hook_panics", hook_panics),
    ("hook_exits", hook_exits),
    ("hook_uses_the_pool", hook_uses_the_pool),
    ("overflow", overflows),
    ("exit_in_a_call", exits_in_a_call),
    ("exit_in_many_calls", exits_in_many_calls),
    ("exit_in_main", exits_in_main),
    ("exit_runs_thread_locals", exit_runs_thread_locals),
    ("main_returns", || std::mem::forget(busy())),
    ("after_main", after_main),
    ("after_main_first", after_main_first),
    ("memory_of_calls", memory_of_calls),
    ("memory_of_a_queue", memory_of_a_queue),
    ("memory_of_threads", memory_of_threads),
    ("few_threads", few_threads),
    ("commands", commands),
    ("nothing", || say("nothing")),
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some((_, fault)) = FAULTS.iter().find(|(known, _)| *known == name) else {
        for (known, _) in FAULTS {
            println!("{known}");
        }
        return ExitCode::from(2);
    };
    fault();
    ExitCode::SUCCESS
}

/// A line that is out even if the process ends in the next moment.
fn say(what: &str) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{what}");
    let _ = out.flush();
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped a bomb");
    }
}

/// Runs it when it is dropped.
struct AtDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

type Last = AtDrop<Box<dyn FnMut()>>;

thread_local!(static LAST: RefCell<Option<Last>> = const { RefCell::new(None) });

/// Runs `f` when the current thread ends, or when the process does.
fn at_end_of_thread(f: impl FnMut() + 'static) {
    LAST.set(Some(AtDrop(Box::new(f))));
}

#[pooled(workers = 2)]
fn double(n: u32) -> u32 {
    n * 2
}

/// All that a process may be in the middle of: calls that run, that wait for others, that stand in queues, that wait for
/// arguments, and threads that wait for them. None of them can end while the promise is kept.
fn busy() -> (Promise<u32>, AsyncList<u32>) {
    static POOL: Pool = Pool::new(3);
    let (promise, value) = AsyncValue::promise();
    let value = value.shared();
    let running = Arc::new(Barrier::new(5));
    let mut calls = AsyncList::new();
    for _ in 0..2 {
        let (value, running) = (value.clone(), running.clone());
        calls.push(parallel(move || {
            running.wait();
            *value.get()
        }));
    }
    for _ in 0..2 {
        let running = running.clone();
        calls.push(POOL.spawn(move || {
            running.wait();
            // Blocked where the pool does not see it.
            running.wait();
            0
        }));
    }
    running.wait();
    for _ in 0..100 {
        let value = value.clone();
        calls.push(double(value.clone()));
        calls.push(POOL.spawn(move || *value.get()));
    }
    (promise, calls)
}

fn panics() {
    let pool = Pool::new(1);
    let sibling = pool.spawn(|| 5);
    let end = pool.spawn(|| -> u32 { panic!("no luck") }).outcome();
    assert!(matches!(end, Err(TaskError::Panicked(_))));
    say(&format!("a panic is an outcome, and {} a value", sibling.get()));
}

fn panics_while_busy() {
    let kept = busy();
    say("panicking");
    parallel(|| panic!("no luck")).wait();
    say("survived");
    std::mem::forget(kept);
}

/// Rust ends the process for this, wherever it happens.
fn panics_while_unwinding() {
    let pool = Pool::new(1);
    say("unwinding");
    let call = pool.spawn(|| {
        let _bomb = Bomb;
        panic!("no luck");
    });
    call.wait();
    say("survived");
}

fn panics_in_a_thread_local() {
    let pool = Pool::new(1);
    pool.spawn(|| at_end_of_thread(|| panic!("at the end of a thread"))).get();
    say("closing");
    pool.close();
    say("survived");
}

fn hook_panics() {
    std::panic::set_hook(Box::new(|_| panic!("a hook that panics")));
    let pool = Pool::new(1);
    say("panicking");
    let call = pool.spawn(|| panic!("no luck"));
    call.wait();
    say("survived");
}

fn hook_exits() {
    let (_promise, calls) = busy();
    std::panic::set_hook(Box::new(|_| {
        say("the hook exits");
        exit(9);
    }));
    parallel(|| panic!("no luck")).wait();
    calls.wait();
    say("survived");
}

/// It runs inside of the call that panics, on the only worker.
fn hook_uses_the_pool() {
    static POOL: Pool = Pool::new(1);
    static HOOKS: AtomicUsize = AtomicUsize::new(0);
    std::panic::set_hook(Box::new(|_| {
        let five = POOL.spawn(|| 5);
        let six = POOL.spawn(|| 6);
        assert_eq!(six.map(|n| n + double(five).get()).get(), 16);
        HOOKS.fetch_add(1, Ordering::SeqCst);
    }));
    let calls = POOL.map(0..10, |n| assert!(n % 2 == 1, "no luck"));
    let lost = calls.outcomes().iter().filter(|end| matches!(end, Err(TaskError::Panicked(_)))).count();
    let bombs = POOL.map(0..3, |_| Bomb).outcomes();
    let bombs: Vec<_> = bombs.into_iter().map(|bomb| catch_unwind(AssertUnwindSafe(|| drop(bomb))).is_err()).collect();
    POOL.close();
    say(&format!("{lost} lost, {} hooks, {bombs:?}", HOOKS.load(Ordering::SeqCst)));
}

#[expect(unconditional_recursion, reason = "that is the fault")]
fn deep(n: u64) -> u64 {
    black_box(deep(black_box(n) + 1)) + 1
}

fn overflows() {
    let pool = Pool::builder().workers(1).stack_size(64 * 1024).build().expect("nothing to refuse");
    say("recursing");
    let call = pool.spawn(|| deep(0));
    call.wait();
    say("survived");
}

fn exits_in_a_call() {
    let (_promise, calls) = busy();
    parallel(|| {
        say("exits");
        exit(7);
    })
    .detach();
    calls.wait();
    say("survived");
}

fn exits_in_many_calls() {
    let (_promise, calls) = busy();
    let together = Arc::new(Barrier::new(8));
    say("exits");
    for _ in 0..8 {
        let together = together.clone();
        parallel(move || {
            together.wait();
            exit(7);
        })
        .detach();
    }
    calls.wait();
    say("survived");
}

fn exits_in_main() {
    let (promise, calls) = busy();
    // Somebody waits, and ends are on their way.
    let sum = calls.map(|all| all.len());
    std::thread::spawn(move || sum.wait());
    drop(promise);
    say("exits");
    exit(7);
}

/// The system runs the thread-locals of the thread that exits: here of a worker, in the middle of a call.
fn exit_runs_thread_locals() {
    static POOL: Pool = Pool::new(1);
    let call = POOL.spawn(|| {
        let kept = POOL.spawn(|| 1);
        at_end_of_thread(move || {
            let inner = POOL.spawn(|| 4);
            let ended = kept.is_finished();
            say(&format!("at the end of the thread: {}", double(inner).get() + POOL.spawn(|| 5).get()));
            POOL.close();
            say(if ended { "kept and ended" } else { "kept" });
        });
        say("exits");
        exit(7);
    });
    call.wait();
    say("survived");
}

/// What the thread-locals of the main thread do when `main` has returned.
fn keep_after_main() {
    static POOL: Pool = Pool::new(2);
    let own = Pool::new(1);
    let (promise, value) = AsyncValue::promise();
    let chain = (0..100_000).fold(value, |link, _| link.map(|n: u32| n + 1));
    let (mut own, mut chain) = (Some((own, promise)), Some(chain));
    let mut kept = Some(POOL.map(0..10, |n| n));
    at_end_of_thread(move || {
        say(&format!("a call: {}", POOL.spawn(|| 5).get()));
        say(&format!("dataflow: {}", double(POOL.spawn(|| 5)).get()));
        say(&format!("a thread: {}", parallel(|| 5).get()));
        let (own, promise) = own.take().expect("once");
        promise.set(5);
        say(&format!("a chain: {}", chain.take().expect("once").get()));
        own.spawn(|| say("before the drop of a pool")).detach();
        drop(own);
        say(&format!("a list: {}", kept.take().map_or(0, |list| list.get().len())));
        let lost = POOL.spawn(|| panic!("no luck")).outcome();
        say(if lost.is_err() { "a panic" } else { "no panic" });
        POOL.close();
        say(if POOL.spawn(|| 5).outcome().is_err() { "closed" } else { "open" });
    });
}

/// The thread-locals of the library are older than the user's.
fn after_main() {
    assert_eq!(double(Pool::global().spawn(|| 5)).get(), 10);
    keep_after_main();
    say("main returns");
}

/// They are younger: the other order of destruction.
fn after_main_first() {
    keep_after_main();
    assert_eq!(double(Pool::global().spawn(|| 5)).get(), 10);
    say("main returns");
}

/// Calls that want more than there is, and say so; and one that does not ask.
fn memory_of_calls() {
    let pool = Pool::new(2);
    let calls = pool.map(0..10, |n| {
        let mut bytes = Vec::<u8>::new();
        bytes.try_reserve_exact(if n % 2 == 0 { 1 << 40 } else { 1 << 10 }).is_ok()
    });
    say(&format!("{} of 10", calls.get().into_iter().filter(|fits| *fits).count()));
    let call = pool.spawn(|| black_box(vec![1_u8; 1 << 40]).len());
    call.wait();
    say("survived");
}

/// The library itself asks, for one call more.
fn memory_of_a_queue() {
    let pool = Pool::new(0);
    say("filling");
    loop {
        let large = [1_u8; 16_000];
        pool.spawn(move || black_box(large).len()).detach();
    }
}

/// A system with memory for some threads and not for all: each call says what became of it.
fn memory_of_threads() {
    ends_of_threads((0..2_000).map(|_| parallel(|| true)).collect());
}

/// A system that refuses threads after the first few.
fn few_threads() {
    let (promise, value) = AsyncValue::promise();
    let (value, running) = (value.shared(), Arc::new(AtomicUsize::new(0)));
    let calls: AsyncList<_> = (0..100)
        .map(|_| {
            let (value, running) = (value.clone(), running.clone());
            parallel(move || {
                running.fetch_add(1, Ordering::SeqCst);
                *value.get()
            })
        })
        .collect();
    // While those that run go on, all others hear that nobody is left for them.
    while running.load(Ordering::SeqCst) + calls.iter().filter(|call| call.is_finished()).count() < calls.len() {
        std::thread::yield_now();
    }
    promise.set(true);
    ends_of_threads(calls);
}

fn ends_of_threads(calls: AsyncList<bool>) {
    let ends = calls.outcomes();
    let (ran, refused): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
    let spoken = refused.iter().all(|end| matches!(end, Err(TaskError::Spawn(_))));
    let (ran, refused) = (ran.len(), refused.len());
    say(&format!("{ran} ran, {refused} were refused, {}", if spoken { "and said so" } else { "silently" }));
    // Threads that are idle now serve again, or leave and make room.
    while ran > 0 && parallel(|| 5).outcome().is_err() {
        std::thread::yield_now();
    }
    // A pool wants threads of its own, and perhaps gets none.
    let pool = Pool::new(3);
    let ends = pool.map(0..100, |n| n).outcomes();
    let spoken = ends.iter().all(|end| matches!(end, Ok(_) | Err(TaskError::Spawn(_))));
    pool.close();
    say(if spoken { "the pool too" } else { "the pool is silent" });
}

/// Calls that start processes (fork and exec) while other threads are in the middle of everything; the children run this
/// program, with a pool of their own.
fn commands() {
    let this = std::env::current_exe().expect("a program has a path");
    let (promise, calls) = busy();
    let pool = Pool::new(4);
    let texts = pool.map(0..12, move |n| {
        let child = Command::new(&this).arg(if n % 3 == 0 { "panic" } else { "nothing" }).output();
        let child = child.expect("a call can start a process");
        (child.status.success(), String::from_utf8_lossy(&child.stdout).trim().to_owned())
    });
    let noise = pool.map(0..2_000, |n| if n % 7 == 0 { Pool::global().spawn(|| 1).get() } else { 1 });
    let right = texts.get().into_iter().enumerate().filter(|(n, (ended, text))| {
        *ended && text == if n % 3 == 0 { "a panic is an outcome, and 5 a value" } else { "nothing" }
    });
    say(&format!("{} of 12 children, {} calls", right.count(), noise.get().into_iter().sum::<u32>()));
    drop((promise, calls));
}

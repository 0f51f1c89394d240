//! What the rooms share. Gates and counters order and count events; nothing here sleeps to let something happen.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::Pool;

/// Returns how long a test may take: longer than any test takes on a busy machine, shorter than a person waits. `PATIENCE` sets
/// another number of seconds.
fn patience() -> Duration {
    let seconds = std::env::var("PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(120))
}

/// The name of the test that a closure is in, as the harness knows it.
pub(crate) fn test_name<F>(_in_test: &F) -> String {
    let path = std::any::type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_crate, path)| path);
    path.split("::{{closure}}").next().unwrap_or(path).to_owned()
}

/// Runs `test` on a thread of its own (with the usual 2 MiB of stack), and fails with its name if it hangs.
pub(crate) fn watched<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    watched_as(&test_name(&test), Box::new(test))
}

/// As `watched`. Made once for each type of result, and not for each test.
fn watched_as<R: Send + 'static>(name: &str, test: Box<dyn FnOnce() -> R + Send>) -> R {
    let (sender, receiver) = mpsc::channel();
    let runner = thread::Builder::new().name(name.to_owned()).stack_size(2 << 20).spawn(move || {
        let result = test();
        let _ = sender.send(());
        result
    });
    let runner = runner.expect("the system has a thread for a test");
    let hung = receiver.recv_timeout(patience()) == Err(mpsc::RecvTimeoutError::Timeout);
    assert!(!hung, "`{name}` hangs");
    runner.join().unwrap_or_else(|payload| resume_unwind(payload))
}

/// Runs both closures at the same moment, `here` on this thread and `there` on another.
pub(crate) fn side_by_side<A: Send + 'static, B>(
    there: impl FnOnce() -> A + Send + 'static,
    here: impl FnOnce() -> B,
) -> (A, B) {
    let start = Arc::new(Barrier::new(2));
    let other = thread::spawn({
        let start = start.clone();
        move || {
            start.wait();
            there()
        }
    });
    start.wait();
    let here = here();
    (other.join().unwrap_or_else(|payload| resume_unwind(payload)), here)
}

/// The Fibonacci number by two nested calls on each level.
pub(crate) fn fib(pool: &Arc<Pool>, n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (left, right) = (pool.clone(), pool.clone());
    let left = pool.spawn(move || fib(&left, n - 1));
    let right = pool.spawn(move || fib(&right, n - 2));
    left.get() + right.get()
}

/// Returns once `holds` does, for what no event announces. Looks again and again: nothing is ordered by how often.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience() / 2, "still not: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Asserts that `holds` stays true for a while: looks 100 times, a millisecond apart. For what must not happen, of which no event
/// can tell.
pub(crate) fn stays(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..100 {
        assert!(holds(), "not any more: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A door. A call that stands before it occupies its worker: this is no wait that a pool knows of.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<Door>, Condvar)>);

#[derive(Default)]
struct Door {
    open: bool,
    arrived: usize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let (door, changed) = &*self.0;
        lock(door).arrived += 1;
        changed.notify_all();
        drop(changed.wait_while(lock(door), |door| !door.open));
    }

    pub(crate) fn open(&self) {
        let (door, changed) = &*self.0;
        lock(door).open = true;
        changed.notify_all();
    }

    /// Opens the gate when the guard is dropped: a test that fails leaves no call at the gate, for which a pool would wait.
    pub(crate) fn opener(&self) -> Opener {
        Opener(self.clone())
    }

    /// How many have come to the gate so far.
    pub(crate) fn arrived(&self) -> usize {
        lock(&self.0.0).arrived
    }

    /// Waits until so many have come to the gate.
    pub(crate) fn wait_for(&self, arrivals: usize) {
        let (door, changed) = &*self.0;
        drop(changed.wait_while(lock(door), |door| door.arrived < arrivals));
    }
}

/// Opens a [`Gate`] when it is dropped.
pub(crate) struct Opener(Gate);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// How many are inside now, and how many were at most.
#[derive(Clone, Default)]
pub(crate) struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

/// Inside a [`Gauge`] until it is dropped.
pub(crate) struct Inside(Gauge);

impl Gauge {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn enter(&self) -> Inside {
        let (now, most) = &*self.0;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Inside(self.clone())
    }

    /// Outside while `wait` runs.
    pub(crate) fn away<R>(inside: Inside, wait: impl FnOnce() -> R) -> (R, Inside) {
        let gauge = inside.0.clone();
        drop(inside);
        let result = wait();
        (result, gauge.enter())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

thread_local! {
    static COUNTED: RefCell<Vec<Inside>> = const { RefCell::new(Vec::new()) };
}

/// How many threads took part, at most at a time: a thread counts from its first `note` until it ends.
#[derive(Clone, Default)]
pub(crate) struct Census(Gauge);

impl Census {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn note(&self) {
        COUNTED.with_borrow_mut(|counted| {
            if !counted.iter().any(|Inside(gauge)| Arc::ptr_eq(&gauge.0, &self.0.0)) {
                counted.push(self.0.enter());
            }
        });
    }

    pub(crate) fn now(&self) -> usize {
        self.0.now()
    }

    pub(crate) fn most(&self) -> usize {
        self.0.most()
    }
}

/// Counts the drops of its tokens.
#[derive(Clone, Default)]
pub(crate) struct DropCounter(Arc<AtomicUsize>);

/// Counted when it is dropped.
pub(crate) struct Token(DropCounter);

impl DropCounter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn token(&self) -> Token {
        Token(self.clone())
    }

    pub(crate) fn bomb(&self) -> Bomb {
        Bomb(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics when it is dropped, and counts that too.
pub(crate) struct Bomb(DropCounter);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        panic!("dropped a bomb");
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct CountedWaker(AtomicUsize);

impl CountedWaker {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let counted = Arc::new(Self::default());
        (counted.clone(), counted.into())
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountedWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

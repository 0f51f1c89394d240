//! What `asynctools/src/sync.rs` names, of a model checker. Both run the threads of a model as coroutines on one thread, and
//! choose at each of these operations who goes on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Add;
use std::sync::Arc;
use std::sync::LockResult;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[cfg(feature = "loom")]
pub(crate) use loom as checker;
#[cfg(feature = "shuttle")]
pub(crate) use shuttle as checker;

pub(crate) use checker::sync::Mutex;
pub(crate) use checker::sync::MutexGuard;
pub(crate) use checker::sync::atomic::AtomicBool;
pub(crate) use checker::sync::atomic::AtomicIsize;
pub(crate) use checker::sync::atomic::AtomicU8;
pub(crate) use checker::sync::atomic::AtomicUsize;
pub(crate) use checker::sync::atomic::fence;
pub(crate) use checker::thread::Thread;
pub(crate) use thread::JoinHandle;

/// One look: another one is another order of the same events. And none in which others have to run: what a thread saw before
/// it made way for them, `loom` does not let it see again.
pub(crate) const fn turns(looks: u32) -> u32 {
    if looks < 10 { 0 } else { 1 }
}

pub(crate) mod hint {
    /// Nothing waits in a loop of these without an end.
    pub(crate) fn spin_loop() {}
}

pub(crate) mod thread {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use crate::sync::AtomicBool;
    use crate::sync::checker::thread as model;

    pub(crate) use crate::sync::checker::thread::current;
    pub(crate) use crate::sync::checker::thread::park;
    pub(crate) use crate::sync::checker::thread::yield_now;

    /// Everybody who parks looks again. How long it took is for the clock to say.
    pub(crate) fn park_timeout(_time: Duration) {
        yield_now();
    }

    pub(crate) struct Builder(model::Builder);

    impl Builder {
        pub(crate) fn new() -> Self {
            Self(model::Builder::new())
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        /// All stacks of a model are of one size.
        pub(crate) fn stack_size(self, _size: usize) -> Self {
            self
        }

        pub(crate) fn spawn(self, f: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
            let finished = Arc::new(AtomicBool::new(false));
            let end = finished.clone();
            let handle = self.0.spawn(move || {
                f();
                end.store(true, Ordering::Release);
            })?;
            Ok(JoinHandle { handle, finished })
        }
    }

    pub(crate) struct JoinHandle<T> {
        handle: model::JoinHandle<T>,
        finished: Arc<AtomicBool>,
    }

    impl<T> JoinHandle<T> {
        pub(crate) fn is_finished(&self) -> bool {
            self.finished.load(Ordering::Acquire)
        }

        pub(crate) fn join(self) -> std::thread::Result<T> {
            self.handle.join()
        }
    }
}

macro_rules! model_thread_local {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = const { $init:expr };)*) => {
        $($crate::sync::checker::thread_local! {
            $(#[$attribute])* static $name: $type = $init;
        })*
    };
}
pub(crate) use model_thread_local as thread_local;

/// Made in a `const`, as the mutexes of `loom` cannot be.
#[derive(Default)]
pub(crate) struct OnceLock<T> {
    writer: std::sync::OnceLock<Mutex<()>>,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self { writer: std::sync::OnceLock::new(), value: std::sync::OnceLock::new() }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.writer.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self) -> Option<&T> {
        drop(self.lock());
        self.value.get()
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let _writer = self.lock();
        self.value.set(value)
    }

    pub(crate) fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        let _writer = self.lock();
        self.value.get_or_init(f)
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.value.take()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        Self { writer: std::sync::OnceLock::new(), value: value.into() }
    }
}

pub(crate) struct Condvar(Arc<checker::sync::Condvar>);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// The time is over when a thread of its own says so. That wakes others too: who waits here looks again.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        let clock = self.0.clone();
        checker::thread::spawn(move || clock.notify_all());
        self.wait(guard).map(|guard| (guard, ())).map_err(|error| PoisonError::new((error.into_inner(), ())))
    }
}

/// A moment. Time passes only where somebody looks at the clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

thread_local! {
    static CLOCK: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

impl Instant {
    pub(crate) fn now() -> Self {
        Self(CLOCK.with(|clock| {
            clock.set(clock.get() + step());
            clock.get()
        }))
    }

    pub(crate) fn checked_add(self, time: Duration) -> Option<Self> {
        (time < Duration::MAX).then(|| Self(self.0.add(time)))
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }
}

/// A nanosecond for each look: a test says how many looks a wait has.
#[cfg(feature = "loom")]
fn step() -> Duration {
    Duration::from_nanos(1)
}

/// Now and then more time than anybody waits.
#[cfg(feature = "shuttle")]
fn step() -> Duration {
    let passes = shuttle::rand::Rng::gen_ratio(&mut shuttle::rand::thread_rng(), 1, 4);
    if passes { Duration::from_secs(1 << 20) } else { Duration::ZERO }
}

/// The queue. It synchronizes no more than the channel does: who finds it empty may look at an old moment, unless a fence or
/// the lock of somebody else says otherwise.
pub(crate) struct Queue<T> {
    entries: Mutex<VecDeque<T>>,
    len: AtomicUsize,
}

pub(crate) struct Sender<T>(Arc<Queue<T>>);

pub(crate) struct Receiver<T>(Arc<Queue<T>>);

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue { entries: Mutex::default(), len: AtomicUsize::new(0) });
    (Sender(queue.clone()), Receiver(queue))
}

impl<T> Sender<T> {
    #[expect(clippy::unnecessary_wraps, reason = "as in the channel")]
    pub(crate) fn send(&self, value: T) -> Result<(), T> {
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push_back(value);
        self.0.len.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl<T> Receiver<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn try_recv(&self) -> Result<T, ()> {
        if self.is_empty() {
            return Err(());
        }
        let mut entries = self.0.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let value = entries.pop_front().ok_or(())?;
        self.0.len.fetch_sub(1, Ordering::Relaxed);
        Ok(value)
    }

    pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.try_recv().ok())
    }
}

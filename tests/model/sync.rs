//! What `asynctools/src/sync.rs` names, of a model checker. Both run the threads of a model as coroutines on one thread, and
//! choose at each of these operations who goes on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Add;
use std::sync::Arc;
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
pub(crate) use thread::at_thread_end;

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
    use std::cell::RefCell;
    use std::io;
    use std::time::Duration;

    use crate::sync::checker::thread as model;

    type AtEnd = Box<dyn FnOnce()>;

    crate::sync::thread_local! {
        static AT_END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }

    /// Has `f` called when the current thread ends.
    pub(crate) fn at_thread_end(f: impl FnOnce() + 'static) {
        AT_END.with(|end| *end.borrow_mut() = Some(Box::new(f)));
    }

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
            let handle = self.0.spawn(move || {
                f();
                // The destructors of a model's thread-locals may not wait for anything, so this is none.
                if let Some(at_end) = AT_END.with(|end| end.borrow_mut().take()) {
                    at_end();
                }
            })?;
            Ok(JoinHandle { handle })
        }
    }

    pub(crate) struct JoinHandle<T> {
        handle: model::JoinHandle<T>,
    }

    impl<T> JoinHandle<T> {
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

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
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

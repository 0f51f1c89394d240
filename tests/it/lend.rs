//! A borrowed handle is cloned: when, on which thread, and what a `Clone` may do.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::Weak;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::ThreadId;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Token;
use crate::helpers::watched;

static ALONE: Pool = Pool::new(1);

type Hook = dyn Fn() + Send + Sync;

/// Runs the hook when it is cloned, and counts its drops.
struct Probe {
    hook: Arc<Hook>,
    drops: DropCounter,
    _token: Token,
}

impl Probe {
    fn new(drops: &DropCounter, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self { hook: Arc::new(hook), drops: drops.clone(), _token: drops.token() }
    }
}

impl Clone for Probe {
    fn clone(&self) -> Self {
        (self.hook)();
        Self { hook: self.hook.clone(), drops: self.drops.clone(), _token: self.drops.token() }
    }
}

#[pooled(pool = ALONE)]
fn consume(probe: Probe) {
    drop(probe);
}

#[pooled(pool = ALONE)]
fn look_at(probe: &Probe) -> usize {
    probe.drops.count()
}

/// Where clones are made.
fn recorder() -> (Arc<Mutex<Vec<ThreadId>>>, impl Fn() + Send + Sync + 'static) {
    let threads = Arc::new(Mutex::new(Vec::new()));
    let record = {
        let threads = threads.clone();
        move || threads.lock().unwrap().push(thread::current().id())
    };
    (threads, record)
}

#[test]
fn cloned_by_the_thread_that_ends_the_call() {
    watched(|| {
        let (threads, record) = recorder();
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::promise();
        let calls = [consume(&value), look_at(&value).map(|_| ())];
        assert!(threads.lock().unwrap().is_empty());
        let setter = thread::spawn({
            let drops = drops.clone();
            move || promise.set(Probe::new(&drops, record))
        });
        let id = setter.thread().id();
        setter.join().unwrap();
        assert_eq!(*threads.lock().unwrap(), [id, id], "one clone for each call, by the one who ended the argument");
        calls.into_iter().for_each(AsyncValue::get);
        drop(value);
        assert_eq!(drops.count(), 3);
    });
}

#[test]
fn cloned_at_once_when_the_call_has_ended() {
    watched(|| {
        let (threads, record) = recorder();
        let drops = DropCounter::new();
        let value = ALONE.spawn({
            let drops = drops.clone();
            move || Probe::new(&drops, record)
        });
        value.wait();
        let call = consume(&value);
        assert_eq!(*threads.lock().unwrap(), [thread::current().id()]);
        call.get();
        assert_eq!(drops.count(), 1);
        drop(value);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn shared_results_are_cloned_by_the_call_that_wants_them() {
    watched(|| {
        let (threads, record) = recorder();
        let drops = DropCounter::new();
        let shared = AsyncValue::ready(Probe::new(&drops, record)).shared();
        let by_ref = look_at(shared.clone());
        by_ref.get();
        assert!(threads.lock().unwrap().is_empty(), "a parameter `&T` borrows from a `Shared`");
        consume(&shared).get();
        let worker = ALONE.spawn(|| thread::current().id()).get();
        assert_eq!(*threads.lock().unwrap(), [worker]);
        drop(shared);
        assert_eq!(drops.count(), 2);
    });
}

#[test]
fn waiters_wake_after_the_clones() {
    watched(|| {
        let gate = Gate::new();
        let hook = {
            let gate = gate.clone();
            move || gate.pass()
        };
        let (promise, value) = AsyncValue::promise();
        let call = consume(&value);
        let setter = thread::spawn(move || promise.set(Probe::new(&DropCounter::new(), hook)));
        gate.wait_for(1);
        assert!(!value.is_finished() && !call.is_finished(), "seen to have ended before its clone was made");
        let value = value.try_get().err().expect("nothing to take yet");
        // Nor is the result locked away: who asks now is served too, later and by the same thread.
        let second = consume(&value);
        assert_eq!(gate.arrived(), 1);
        gate.open();
        setter.join().unwrap();
        assert_eq!(gate.arrived(), 2);
        call.get();
        second.get();
        assert!(value.is_finished());
    });
}

#[test]
fn a_clone_may_use_the_library() {
    watched(|| {
        // On the only worker of the pool that it waits for, with the handle that it is cloned from.
        let hook = || ALONE.spawn(|| ()).get();
        let drops = DropCounter::new();
        let gate = Gate::new();
        let value = ALONE.spawn({
            let (drops, gate) = (drops.clone(), gate.clone());
            move || {
                gate.pass();
                Probe::new(&drops, hook)
            }
        });
        gate.wait_for(1);
        let later = consume(&value);
        gate.open();
        later.get();
        value.wait();
        consume(&value).get();
        drop(value);
        assert_eq!(drops.count(), 3);
    });
}

#[test]
fn a_clone_may_wait_for_a_call_that_was_cloned_for_before_it() {
    watched(|| {
        let first: Arc<Mutex<Option<AsyncValue<()>>>> = Arc::default();
        let turn = Arc::new(AtomicUsize::new(0));
        let hook = {
            let first = first.clone();
            // The second clone waits for the call that has the first: it must not be held back behind this one.
            move || {
                if turn.fetch_add(1, Ordering::SeqCst) == 1 {
                    let call = first.lock().unwrap().take().expect("registered before the end");
                    call.get();
                }
            }
        };
        let (promise, value) = AsyncValue::promise();
        *first.lock().unwrap() = Some(consume(&value));
        let second = consume(&value);
        promise.set(Probe::new(&DropCounter::new(), hook));
        second.get();
    });
}

type Held = OnceLock<AsyncValue<Result<u8, Waits>>>;
/// An error whose `From` waits for the call that it came from.
#[derive(Clone)]
struct Waits(Weak<Held>);
#[derive(PartialEq, Debug)]
struct Waited;

impl From<Waits> for Waited {
    fn from(Waits(held): Waits) -> Self {
        held.upgrade().expect("held by the test").get().expect("set by the test").wait();
        Self
    }
}

#[pooled(pool = ALONE)]
fn pass(n: u8) -> Result<u8, Waited> {
    Ok(n)
}

#[test]
fn what_a_clone_sets_off_may_wait_for_the_call() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let held = Arc::new(Held::from(value));
        let call = pass(held.get().expect("just set"));
        promise.set(Err(Waits(Arc::downgrade(&held))));
        assert_eq!(call.get(), Err(Waited));
    });
}

#[test]
fn a_panic_of_clone_is_the_dependants() {
    watched(|| {
        let turn = Arc::new(AtomicUsize::new(0));
        let hook = {
            let turn = turn.clone();
            move || assert!(turn.fetch_add(1, Ordering::SeqCst) % 2 == 1, "no copies")
        };
        let drops = DropCounter::new();
        for sooner in [true, false] {
            let (promise, value) = AsyncValue::promise();
            let probe = Probe::new(&drops, hook.clone());
            let (bad, good) = if sooner {
                promise.set(probe);
                (consume(&value), consume(&value))
            } else {
                let calls = (consume(&value), consume(&value));
                promise.set(probe);
                calls
            };
            let error = bad.outcome().unwrap_err();
            assert!(matches!(&error, TaskError::Panicked(panic) if panic.message() == "no copies"), "{error}");
            assert!(error.to_string().starts_with("consume ("), "{error}");
            good.get();
            assert!(!value.is_error(), "the call itself has nothing to do with it");
            drop(value.get());
        }
        assert_eq!(turn.load(Ordering::SeqCst), 4);
        assert_eq!(drops.count(), 4);

        let (promise, value) = AsyncValue::promise();
        let bad = consume(&value);
        promise.set(Probe::new(&drops, || std::panic::panic_any(7_u8)));
        let payload = catch_unwind(AssertUnwindSafe(|| bad.get())).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&7_u8));
    });
}

#[test]
fn many_calls_clone_one_result() {
    watched(|| {
        let (threads, record) = recorder();
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::promise();
        let calls: AsyncList<_> = (0..1000).map(|_| consume(&value)).collect();
        promise.set(Probe::new(&drops, record));
        calls.get();
        assert_eq!((threads.lock().unwrap().len(), drops.count()), (1000, 1000));
        drop(value);
        assert_eq!(drops.count(), 1001);
    });
}

#[test]
fn threads_that_clone_at_once_are_all_served() {
    watched(|| {
        for _ in 0..200 {
            let drops = DropCounter::new();
            let (promise, value) = AsyncValue::promise();
            let (value, start) = (Arc::new(value), Arc::new(std::sync::Barrier::new(3)));
            let callers = [(); 2].map(|()| {
                let (value, start) = (value.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    (consume(&*value), consume(&*value))
                })
            });
            start.wait();
            promise.set(Probe::new(&drops, || ()));
            for caller in callers {
                let (first, second) = caller.join().unwrap();
                first.get();
                second.get();
            }
            assert_eq!(drops.count(), 4);
            drop(value);
            assert_eq!(drops.count(), 5);
        }
    });
}

/// Its clones panic when they are dropped.
struct Fragile {
    is_clone: bool,
    drops: DropCounter,
    _token: Token,
}

impl Fragile {
    fn new(drops: &DropCounter, is_clone: bool) -> Self {
        Self { is_clone, drops: drops.clone(), _token: drops.token() }
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        Self::new(&self.drops, true)
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(!self.is_clone, "a clone that nobody wants is dropped");
    }
}

#[pooled(pool = ALONE)]
fn keep_away(_fragile: Fragile, _later: ()) {}

/// The call that the clone is for was cancelled when it had its clone and waited for another argument.
#[test]
fn a_clone_that_nobody_wants_may_panic_when_it_is_dropped() {
    watched(|| {
        let drops = DropCounter::new();
        let pool = Pool::new(1);
        let counted = drops.clone();
        let call = pool.spawn(move || Fragile::new(&counted, false));
        let (promise, later) = AsyncValue::promise();
        let next = keep_away(&call, later);
        call.wait();
        assert!(next.cancel());
        assert_eq!(drops.count(), 1);
        promise.set(());
        assert!(call.outcome().is_ok());
        assert_eq!(drops.count(), 2);
        assert_eq!(pool.spawn(|| 5).get(), 5);
    });
}

/// A call that was cancelled before its clone was there leaves nothing to be cloned.
#[test]
fn a_cancelled_call_is_not_cloned_for() {
    watched(|| {
        let drops = DropCounter::new();
        let pool = Pool::new(1);
        let gate = Gate::new();
        let (opened, counted) = (gate.clone(), drops.clone());
        let call = pool.spawn(move || {
            opened.pass();
            Fragile::new(&counted, false)
        });
        assert!(keep_away(&call, ()).cancel());
        gate.open();
        assert!(call.outcome().is_ok());
        assert_eq!(drops.count(), 1);
    });
}

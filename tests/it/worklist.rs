//! A wait runs no user code of unrelated calls: neither under the locks that the waiter holds, nor deep in the stack of the waiter.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::Shared;
use asynctools::pooled;

use crate::helpers::Gate;
use crate::helpers::lock;
use crate::helpers::watched;
use crate::hooks::AtDrop;
use crate::hooks::Wakes;
use crate::hooks::poll;
use crate::process::alone;

/// An error whose conversion runs a closure.
#[derive(Clone)]
struct Low(Arc<dyn Fn() + Send + Sync>);

#[derive(Debug)]
struct High;

impl From<Low> for High {
    fn from(low: Low) -> Self {
        low.0();
        Self
    }
}

static POOL: Pool = Pool::new(2);

#[pooled(pool = POOL)]
fn follow(_n: u32) -> Result<(), High> {
    Ok(())
}

#[pooled(pool = POOL)]
fn follow_with(_n: u32, _argument: AtDrop) -> Result<(), High> {
    Ok(())
}

/// A value that fails for several followers.
struct Failing {
    promise: Promise<Result<u32, Low>>,
    followers: AsyncList<Result<(), High>>,
    value: AsyncValue<Result<u32, Low>>,
}

impl Failing {
    fn new(followers: usize) -> Self {
        let (promise, value) = AsyncValue::promise();
        let followers = (0..followers).map(|_| follow(&value)).collect();
        Self { promise, followers, value }
    }
}

/// Ends the value: each of its followers runs `convert`.
fn fail(promise: Promise<Result<u32, Low>>, convert: impl Fn() + Send + Sync + 'static) {
    promise.set(Err(Low(Arc::new(convert))));
}

fn all_fail(followers: AsyncList<Result<(), High>>) {
    assert!(followers.outcomes().into_iter().all(|end| matches!(end, Ok(Err(High)))));
}

/// A promise that another thread sets once somebody has come to the gate.
fn set_after(gate: &Gate) -> Shared<()> {
    let (promise, value) = AsyncValue::promise();
    let gate = gate.clone();
    thread::spawn(move || {
        gate.wait_for(1);
        promise.set(());
    });
    value.shared()
}

/// One conversion waits under a lock that the next one wants.
#[test]
fn a_wait_under_a_lock() {
    alone(|| {
        let (mutex, begun) = (Mutex::new(()), Gate::new());
        begun.open();
        let slow = set_after(&begun);
        let Failing { promise, followers, .. } = Failing::new(2);
        let convert = move || {
            let _held = lock(&mutex);
            begun.pass();
            slow.wait();
        };
        fail(promise, convert);
        all_fail(followers);
    });
}

/// Every conversion waits for a call of its own; none runs inside the wait of another.
#[test]
fn many_waits_in_a_row() {
    alone(|| {
        const FOLLOWERS: usize = 20_000;
        let pool = Pool::new(1);
        let Failing { promise, followers, .. } = Failing::new(FOLLOWERS);
        let convert = move || pool.spawn(thread::yield_now).get();
        fail(promise, convert);
        all_fail(followers);
    });
}

/// The end of one follower needs the end of the next: the wait passes on what comes behind.
#[test]
fn a_wait_for_what_comes_behind() {
    alone(|| {
        let next = Arc::new(Mutex::new(None));
        let handle = next.clone();
        let (promise, value) = AsyncValue::<Result<u32, Low>>::promise();
        let convert = move || {
            let next: Option<AsyncValue<Result<(), High>>> = lock(&handle).take();
            if let Some(next) = next {
                next.wait();
            }
        };
        let first = follow(&value);
        *lock(&next) = Some(follow(&value));
        fail(promise, convert);
        assert!(first.get().is_err());
    });
}

thread_local!(static WAITS: Cell<bool> = const { Cell::new(false) });

/// While the conversion for one follower waits, the argument of the other is dropped, and not inside of that wait.
#[test]
fn drops_beside_a_wait() {
    alone(|| {
        let (sender, seen) = mpsc::channel();
        let (promise, value) = AsyncValue::<Result<u32, Low>>::promise();
        let dropped = Gate::new();
        dropped.open();
        let slow = set_after(&dropped);
        let argument = || {
            let (sender, dropped) = (sender.clone(), dropped.clone());
            AtDrop::new(move || {
                sender.send(WAITS.get()).expect("the test waits");
                dropped.pass();
            })
        };
        let followers = [follow_with(&value, argument()), follow_with(&value, argument())];
        let is_first = AtomicBool::new(true);
        let convert = move || {
            if is_first.swap(false, Ordering::SeqCst) {
                WAITS.set(true);
                slow.wait();
                WAITS.set(false);
            }
        };
        fail(promise, convert);
        for _ in 0..2 {
            assert!(!seen.recv().expect("dropped"), "an argument was dropped inside of the wait of another call");
        }
        all_fail(followers.into_iter().collect());
    });
}

/// A call that waits inside a pool of one, for a call of another pool: no follower of another call runs on its thread.
#[test]
fn a_wait_in_a_call() {
    alone(|| {
        let (pool, other) = (Arc::new(Pool::new(1)), Arc::new(Pool::new(1)));
        let (mutex, begun) = (Arc::new(Mutex::new(())), Gate::new());
        begun.open();
        let slow = set_after(&begun);
        let held = mutex.clone();
        let Failing { promise, followers, .. } = Failing::new(3);
        let convert = move || {
            let _held = lock(&held);
            begun.pass();
            slow.wait();
        };
        let call = pool.spawn(move || {
            fail(promise, convert);
            let _held = lock(&mutex);
            other.spawn(|| 5).get()
        });
        assert_eq!(call.get(), 5);
        all_fail(followers);
    });
}

/// A task that waits for a value is woken before the conversions for the followers of the value, which may take long.
#[test]
fn a_task_is_woken_before_followers_end() {
    watched(|| {
        let gate = Gate::new();
        let (at_gate, opener) = (gate.clone(), gate.clone());
        let Failing { promise, followers, mut value } = Failing::new(2);
        let convert = move || at_gate.pass();
        assert!(!poll(&mut value, &Wakes::waker(move || opener.open())));
        fail(promise, convert);
        gate.wait_for(2);
        all_fail(followers);
    });
}

/// A thread that waits for a value goes on before the conversions for the followers of the value.
#[test]
fn a_thread_goes_on_before_followers_end() {
    watched(|| {
        let gate = Gate::new();
        let at_gate = gate.clone();
        let Failing { promise, followers, value } = Failing::new(2);
        let convert = move || at_gate.pass();
        let waiter = thread::spawn(move || {
            value.wait();
            gate.open();
        });
        fail(promise, convert);
        waiter.join().expect("nothing panics");
        all_fail(followers);
    });
}

/// A timed wait passes nothing on in place either.
#[test]
fn a_timed_wait_under_a_lock() {
    alone(|| {
        let mutex = Mutex::new(());
        let (never_set, never) = AsyncValue::<()>::promise();
        let never = never.shared();
        let Failing { promise, followers, .. } = Failing::new(3);
        let convert = move || {
            let _held = lock(&mutex);
            assert!(!never.wait_timeout(Duration::from_millis(5)));
        };
        fail(promise, convert);
        all_fail(followers);
        drop(never_set);
    });
}

/// Followers whose conversion waits count each other: none is lost, and each runs once.
#[test]
fn each_conversion_runs_once() {
    alone(|| {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let pool = Pool::new(1);
        let Failing { promise, followers, .. } = Failing::new(100);
        let convert = move || {
            pool.spawn(|| ()).get();
            counter.fetch_add(1, Ordering::SeqCst);
        };
        fail(promise, convert);
        all_fail(followers);
        assert_eq!(count.load(Ordering::SeqCst), 100);
    });
}

/// A waker sets a promise that a call follows: the follower is told after the waker has returned, although no call was stopped.
#[test]
fn a_waker_ends_another_call() {
    alone(|| {
        let (first, mut value) = AsyncValue::promise();
        let (second, other) = AsyncValue::promise();
        let follower = other.map(|n: u32| n + 1);
        assert!(!poll(&mut value, &Wakes::waker(move || second.set(4))));
        first.set(());
        assert_eq!(follower.get(), 5);
    });
}

//! Faults in a user's code where the library calls it, and handles that are dropped where nobody expects it: every handle ends,
//! values are dropped once, and the pool works afterwards. What ends a process is in `tests/faults.rs`.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Bomb;
use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::Token;
use crate::helpers::until;
use crate::helpers::watched;
use crate::hooks::AtDrop;
use crate::hooks::Wakes;
use crate::hooks::poll;

/// The pool of one worker has nothing left over, and works.
fn works(pool: &Pool) {
    assert_eq!(pool.map(0..10, |n| n * 2).get().into_iter().sum::<u32>(), 90);
    // A call whose leftovers are dropped on a worker has ended before they are.
    until("nothing is left", || (pool.stats().queued, pool.stats().blocked) == (0, 0));
}

static ONE: Pool = Pool::new(1);

#[pooled(pool = ONE)]
fn keep(token: Token) -> Token {
    token
}

#[pooled(pool = ONE)]
fn look(n: &u32) -> u32 {
    *n
}

/// On the only worker of the pool, between the end of a call and the next one.
#[test]
fn a_waker_may_use_the_pool_that_wakes_it() {
    watched(|| {
        let (pool, gate, drops) = (Arc::new(Pool::new(1)), Gate::new(), DropCounter::new());
        let held = gate.clone();
        let mut call = pool.spawn(move || {
            held.pass();
            5
        });
        gate.wait_for(1);
        let token = drops.token();
        let dropped = pool.spawn(move || token);
        let cancelled = pool.spawn(|| 6);
        let awaited = pool.spawn(|| 7);
        let (results, result) = mpsc::channel();
        let inner = pool.clone();
        let waker = Wakes::waker(move || {
            drop(dropped);
            let cancelled = cancelled.cancel();
            let sum = awaited.map(|n| n + 1).get() + inner.spawn(|| 8).get();
            results.send((cancelled, sum)).expect("the test waits");
            panic!("and then it panics");
        });
        assert!(!poll(&mut call, &waker));
        gate.open();
        assert_eq!(result.recv(), Ok((true, 16)));
        assert_eq!(call.get(), 5);
        until("what nobody wants is dropped", || drops.count() == 1);
        works(&pool);
        assert_eq!((pool.stats().panicked, pool.stats().cancelled), (0, 1));
    });
}

#[test]
fn a_waker_that_panics_is_no_trouble_for_those_who_wait_besides() {
    watched(|| {
        let pool = Pool::new(1);
        for on_worker in [true, false] {
            let (promise, mut value) = AsyncValue::promise();
            let besides = [look(&value), look(&value).map(|n| n + 1)];
            assert!(!poll(&mut value, &Wakes::waker(|| panic!("a waker that panics"))));
            if on_worker {
                pool.spawn(move || promise.set(5)).get();
            } else {
                promise.set(5);
            }
            assert_eq!(besides.map(AsyncValue::get), [5, 6]);
            assert_eq!(value.get(), 5);
        }
        works(&pool);
    });
}

/// The task that polled is gone, and takes what it owned with it, wherever the last reference to it was.
#[test]
fn a_waker_may_panic_when_it_is_dropped() {
    struct Fragile {
        _bomb: Bomb,
    }
    impl Wake for Fragile {
        fn wake(self: Arc<Self>) {}
    }
    watched(|| {
        let (pool, drops) = (Pool::new(1), DropCounter::new());
        let fragile = || Waker::from(Arc::new(Fragile { _bomb: drops.bomb() }));
        let polled = || {
            let (promise, mut value) = AsyncValue::promise();
            assert!(!poll(&mut value, Waker::noop()));
            let waker = fragile();
            assert!(!poll(&mut value, &waker));
            // The call has the last one.
            assert!(catch_unwind(AssertUnwindSafe(|| drop(waker))).is_ok());
            (promise, value)
        };
        // Woken on a worker.
        let (promise, value) = polled();
        pool.spawn(move || promise.set(5)).get();
        assert_eq!((value.get(), drops.count()), (5, 1));
        // Replaced by another: the panic is of whoever polls, and costs nobody the result.
        let (promise, mut value) = polled();
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut value, Waker::noop()))).is_err());
        promise.set(6);
        assert_eq!((value.get(), drops.count()), (6, 2));
        // Dropped with its handle, on a worker.
        let (promise, value) = polled();
        assert!(matches!(pool.spawn(move || drop(value)).outcome(), Err(TaskError::Panicked(_))));
        promise.set(7);
        assert_eq!(drops.count(), 3);
        works(&pool);
    });
}

/// A call that ends so unwinds the stack that it runs on, without a word from the hook.
fn unwind() -> ! {
    resume_unwind(Box::new("no luck"))
}

/// Calls in every state, and what becomes of all their handles in `drop_them`.
fn handles_dropped(drop_them: impl FnOnce(Box<dyn FnOnce() + Send>)) {
    let (pool, drops, gate) = (Pool::new(1), DropCounter::new(), Gate::new());
    let make = || {
        let token = drops.token();
        pool.spawn(move || token)
    };
    let ended = make();
    ended.wait();
    let completed: AsyncList<_> = (0..3).map(|_| make()).collect();
    completed.wait();
    let mut completed = completed.as_completed();
    assert!(completed.next().is_some_and(|(_, end)| end.is_ok()));
    let held = gate.clone();
    let running = pool.spawn(move || held.pass());
    gate.wait_for(1);
    let queued = make();
    let list: AsyncList<_> = (0..3).map(|_| make()).collect();
    let shared = make().shared();
    let (promise, value) = AsyncValue::<Token>::promise();
    let waiting = keep(value);
    let (kept_promise, unwanted) = AsyncValue::promise();
    let (own, own_drops) = (Pool::new(1), drops.clone());
    own.map(0..3, move |_| drop(own_drops.token())).into_iter().for_each(AsyncValue::detach);
    let copy = shared.clone();
    let all = (ended, completed, queued, list, shared, promise, waiting, unwanted, own);
    let (sender, gone) = mpsc::channel();
    drop_them(Box::new(move || {
        drop((all, copy));
        sender.send(()).expect("the test waits");
    }));
    gone.recv().expect("they are dropped");
    // Dropped one: the completed ones, the ended one, and the calls of the pool that was dropped. On a worker the drop of a pool
    // does not wait for them.
    until("the dropped pool has run its calls", || drops.count() >= 3 + 1 + 3);
    assert_eq!(drops.count(), 3 + 1 + 3);
    gate.open();
    running.get();
    kept_promise.set(drops.token());
    works(&pool);
    assert_eq!(drops.count(), 3 + 1 + 3 + 1 + 3 + 1 + 1);
}

#[test]
fn handles_dropped_on_a_worker() {
    watched(|| {
        handles_dropped(|drop_them| {
            let other = Pool::new(1);
            other.spawn(drop_them).get();
            works(&other);
        });
    });
}

#[test]
fn handles_dropped_in_a_drop() {
    watched(|| {
        let other = Pool::new(1);
        // Of what a call took, of its result, and of the payload of its panic.
        handles_dropped(|drop_them| {
            let last = AtDrop::new(drop_them);
            other.spawn(move || _ = &last).get();
        });
        handles_dropped(|drop_them| {
            let last = AtDrop::new(drop_them);
            other.spawn(move || last).detach();
            works(&other);
        });
        handles_dropped(|drop_them| {
            let last = AtDrop::new(drop_them);
            drop(other.spawn(move || -> u8 { resume_unwind(Box::new(last)) }).outcome());
        });
        // Of what a cancelled call took.
        handles_dropped(|drop_them| {
            let last = AtDrop::new(drop_them);
            let paused = Pool::new(0);
            assert!(paused.spawn(move || drop(last)).cancel());
        });
    });
}

#[test]
fn handles_dropped_while_unwinding() {
    watched(|| {
        handles_dropped(|drop_them| {
            let last = AtDrop::new(drop_them);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _last = last;
                unwind();
            }));
            assert!(caught.is_err_and(|payload| payload.downcast_ref() == Some(&"no luck")));
        });
        handles_dropped(|drop_them| {
            let (other, last) = (Pool::new(1), AtDrop::new(drop_them));
            let call = other.spawn(move || -> u8 {
                let _last = last;
                unwind()
            });
            assert!(matches!(call.outcome(), Err(TaskError::Panicked(_))));
            works(&other);
        });
    });
}

/// It does not wait for itself, and what is queued runs after it.
#[test]
fn handles_dropped_on_the_worker_of_their_own_pool() {
    watched(|| {
        let (pool, drops) = (Arc::new(Pool::new(1)), DropCounter::new());
        let (inner, counted) = (pool.clone(), drops.clone());
        let call = pool.spawn(move || -> u8 {
            let list: AsyncList<_> = (0..3)
                .map(|_| {
                    let token = counted.token();
                    inner.spawn(move || token)
                })
                .collect();
            let _last = AtDrop::new(move || drop((list, inner)));
            unwind()
        });
        assert!(matches!(call.outcome(), Err(TaskError::Panicked(_))));
        works(&pool);
        assert_eq!((drops.count(), pool.stats().panicked), (3, 1));
    });
}

/// The waiter runs the call itself, inside of its own unwinding: a panic in there is the call's.
#[test]
fn a_drop_that_waits_while_unwinding() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let (inner, (results, result)) = (pool.clone(), mpsc::channel());
        let call = pool.spawn(move || -> u8 {
            let _last = AtDrop::new(move || {
                assert!(thread::panicking());
                let lost = inner.spawn(|| -> u8 { panic!("inside") }).outcome();
                let lost = lost.err().map(|error| error.to_string());
                results.send((lost, inner.spawn(|| 5).map(|n| n + 1).get())).expect("the test waits");
            });
            panic!("outside")
        });
        let error = call.outcome().expect_err("it panicked");
        assert!(matches!(&error, TaskError::Panicked(panic) if panic.message() == "outside"), "{error}");
        let (lost, six) = result.recv().expect("it was dropped");
        assert!(lost.is_some_and(|error| error.ends_with("panicked: inside")) && six == 6);
        works(&pool);
        assert_eq!(pool.stats().panicked, 2);
    });
}

/// What a call took is dropped on the worker before the call has ended, and may wait for another call of the pool.
#[test]
fn a_drop_of_an_argument_that_waits() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let (results, result) = mpsc::channel();
        let inner = pool.clone();
        let last = AtDrop::new(move || {
            let five = inner.map(0..5, |_| 1).map(|ones| ones.into_iter().sum::<u32>()).get();
            results.send(five).expect("the test waits");
        });
        let queued = pool.spawn(|| 6);
        pool.spawn(move || _ = &last).get();
        assert_eq!((result.recv(), queued.get()), (Ok(5), 6));
        works(&pool);
    });
}

/// The panic is of whoever drops; the results beside it are dropped all the same.
#[test]
fn a_list_with_a_result_that_panics_when_it_is_dropped() {
    struct Both {
        _bomb: Option<Bomb>,
        _token: Token,
    }
    watched(|| {
        let (pool, tokens, bombs) = (Pool::new(1), DropCounter::new(), DropCounter::new());
        let make = || {
            let results: Vec<_> =
                (0..5).map(|n| Both { _bomb: (n == 2).then(|| bombs.bomb()), _token: tokens.token() }).collect();
            let list = pool.map(results, |both| both);
            list.wait();
            list
        };
        let list = make();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(list))).is_err());
        assert_eq!((tokens.count(), bombs.count()), (5, 1));
        // On a worker, that is the panic of its call.
        let list = make();
        assert!(matches!(pool.spawn(move || drop(list)).outcome(), Err(TaskError::Panicked(_))));
        assert_eq!((tokens.count(), bombs.count()), (10, 2));
        works(&pool);
    });
}

/// Half of the calls are made by then: they go on.
#[test]
fn an_iterator_that_panics_between_calls() {
    watched(|| {
        let (pool, drops) = (Pool::new(1), DropCounter::new());
        let items = || {
            (0..10).map(|n| {
                assert_ne!(n, 5, "no more items");
                drops.token()
            })
        };
        let mapped = catch_unwind(AssertUnwindSafe(|| pool.map(items(), |token| token)));
        assert!(mapped.is_err());
        let collected = catch_unwind(AssertUnwindSafe(|| items().map(keep).collect::<AsyncList<_>>()));
        assert!(collected.is_err());
        let listed = catch_unwind(AssertUnwindSafe(|| {
            let mut list = AsyncList::new();
            list.extend(items().map(keep));
            list
        }));
        assert!(listed.is_err());
        works(&pool);
        works(&ONE);
        until("what nobody wants is dropped", || drops.count() == 15);
    });
}

thread_local!(static LAST: RefCell<Option<AtDrop>> = const { RefCell::new(None) });

/// Whether they are older than those of the library, and so which are destroyed first, makes no difference.
#[test]
fn thread_locals_may_use_the_library() {
    fn use_all(pool: &Pool, kept: AsyncList<Token>) -> u32 {
        drop(kept);
        let (promise, value) = AsyncValue::promise();
        let later = pool.spawn(|| 1).zip(value).map(|(a, b): (u32, u32)| a + b);
        promise.set(2);
        assert!(pool.spawn(|| -> u8 { unwind() }).outcome().is_err());
        later.get() + asynctools::parallel(|| 3).get() + look(&4).get()
    }
    watched(|| {
        let drops = DropCounter::new();
        let built = Pool::builder().workers(1).idle_timeout(Duration::from_millis(1)).build();
        let pool = Arc::new(built.expect("nothing to refuse"));
        let leave = |results: mpsc::Sender<u32>| {
            let (pool, tokens) = (pool.clone(), drops.clone());
            move || {
                let kept = pool.map((0..3).map(|_| tokens.token()).collect::<Vec<_>>(), |token| token);
                LAST.set(Some(AtDrop::new(move || results.send(use_all(&pool, kept)).expect("the test waits"))));
            }
        };
        // Of threads of the program.
        for older in [true, false] {
            let (results, result) = mpsc::channel();
            let (leave, first) = (leave(results), pool.clone());
            let thread = thread::spawn(move || {
                if older {
                    LAST.with(|_| ());
                }
                assert_eq!(first.spawn(|| 5).get(), 5);
                leave();
            });
            thread.join().unwrap();
            assert_eq!(result.recv(), Ok(10));
        }
        // Of a worker of another pool, and of a worker of the same one.
        let other = Pool::new(1);
        let (results, result) = mpsc::channel();
        other.spawn(leave(results)).get();
        other.close();
        assert_eq!(result.recv(), Ok(10));
        // The worker leaves when it has been idle for that long; its thread-locals need another one.
        let (results, result) = mpsc::channel();
        pool.spawn(leave(results)).get();
        assert_eq!(result.recv(), Ok(10));
        works(&pool);
        assert_eq!(drops.count(), 12);
    });
}

//! The end of a pool: every thread is accounted for until it is gone, a deadline is one, and no close waits for itself.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::OnFull;
use asynctools::Pool;

use crate::helpers::Gate;
use crate::helpers::lock;
use crate::helpers::stays;
use crate::helpers::until;
use crate::helpers::watched;
use crate::hooks::AtDrop;
use crate::process::alone;

const SHORT: Duration = Duration::from_millis(50);
/// Longer than a deadline may be missed by on a busy machine, and shorter than the wait for a gate that stays shut.
const LONG: Duration = Duration::from_secs(2);

thread_local!(static LAST: RefCell<Option<AtDrop>> = const { RefCell::new(None) });

/// Has the thread of this call pass the gate when it ends.
fn end_at(gate: &Gate) -> Arc<AtomicBool> {
    let (gate, ended) = (gate.clone(), Arc::new(AtomicBool::new(false)));
    let mark = ended.clone();
    LAST.set(Some(AtDrop::new(move || {
        gate.pass();
        mark.store(true, Ordering::SeqCst);
    })));
    ended
}

/// A thread-local of the program holds a thread of the pool at its end: `close_timeout` returns in time.
#[test]
fn a_deadline_is_one() {
    alone(|| {
        let (pool, gate) = (Pool::new(1), Gate::new());
        let at_gate = gate.clone();
        let ended = pool.spawn(move || end_at(&at_gate)).get();
        let watch = thread::spawn({
            let gate = gate.clone();
            // For a `close_timeout` that waits for the thread: the test fails, and does not hang.
            move || {
                gate.wait_for(1);
                thread::park_timeout(LONG);
                gate.open();
            }
        });
        let start = Instant::now();
        assert!(!pool.close_timeout(SHORT), "a thread of the pool is left");
        assert!(start.elapsed() < LONG, "{:?} instead of {SHORT:?}", start.elapsed());
        watch.thread().unpark();
        gate.open();
        pool.close();
        assert!(ended.load(Ordering::SeqCst), "`close` has returned before the thread was gone");
        watch.join().expect("nothing panics");
    });
}

/// A thread that left for idleness, and still runs destructors, is a thread of the pool.
#[test]
fn an_idle_thread_is_accounted_for_until_it_is_gone() {
    alone(|| {
        let built = Pool::builder().workers(1).idle_timeout(Duration::from_millis(1)).build();
        let (pool, gate) = (built.expect("nothing to refuse"), Gate::new());
        let at_gate = gate.clone();
        let ended = pool.spawn(move || end_at(&at_gate)).get();
        gate.wait_for(1);
        // The thread does no harm to the pool meanwhile.
        assert_eq!(pool.spawn(|| 5).get(), 5);
        assert!(!pool.close_timeout(SHORT), "a thread of the pool is left");
        gate.open();
        pool.close();
        assert!(ended.load(Ordering::SeqCst), "`close` has returned before the thread was gone");
    });
}

/// Spares and workers: when `close` has returned, every thread has run the last of its destructors.
#[test]
fn all_threads_are_gone_after_close() {
    alone(|| {
        let gone = Arc::new(AtomicUsize::new(0));
        let begun = Arc::new(AtomicUsize::new(0));
        let pool = Arc::new(Pool::builder().workers(3).idle_timeout(Duration::from_millis(1)).build().expect("a pool"));
        let other = Arc::new(Pool::new(2));
        for _ in 0..10 {
            let (gone, begun, other) = (gone.clone(), begun.clone(), other.clone());
            let mark = move || {
                let (gone, begun, other) = (gone.clone(), begun.clone(), other.clone());
                if LAST.with_borrow(Option::is_none) {
                    begun.fetch_add(1, Ordering::SeqCst);
                    LAST.set(Some(AtDrop::new(move || {
                        thread::yield_now();
                        gone.fetch_add(1, Ordering::SeqCst);
                    })));
                }
                other.spawn(thread::yield_now).get();
            };
            pool.map(0..20, move |_| mark()).get();
        }
        pool.close();
        assert_eq!(gone.load(Ordering::SeqCst), begun.load(Ordering::SeqCst));
    });
}

/// Two calls that run at the same time close the pool of each other.
#[test]
fn two_calls_close_the_pools_of_each_other() {
    alone(|| {
        let pools = [Arc::new(Pool::new(1)), Arc::new(Pool::new(1))];
        let both = Arc::new(Barrier::new(2));
        let close = |n: usize| {
            let (there, both) = (pools[1 - n].clone(), both.clone());
            pools[n].spawn(move || {
                both.wait();
                there.close();
                n
            })
        };
        assert_eq!([close(0), close(1)].map(AsyncValue::get), [0, 1]);
        for pool in &pools {
            pool.close();
        }
    });
}

/// The same in a ring of four, with deadlines that never come in two of them.
#[test]
fn a_ring_of_closes() {
    alone(|| {
        let pools: Vec<_> = (0..4).map(|_| Arc::new(Pool::new(1))).collect();
        let all = Arc::new(Barrier::new(4));
        let close = |n: usize| {
            let (there, all) = (pools[(n + 1) % 4].clone(), all.clone());
            pools[n].spawn(move || {
                all.wait();
                if n < 2 {
                    there.close();
                } else {
                    let _gone = there.close_timeout(Duration::MAX);
                }
                n
            })
        };
        let calls: AsyncList<_> = (0..4).map(close).collect();
        assert_eq!(calls.get(), [0, 1, 2, 3]);
        for pool in &pools {
            pool.close();
        }
    });
}

/// A call closes the pool whose call waits for it: directly, and through a third pool.
#[test]
fn a_close_inside_of_what_the_pool_waits_for() {
    fn go(pools: Vec<Arc<Pool>>, at: usize) -> AsyncValue<bool> {
        pools[at].clone().spawn(move || {
            if at + 1 < pools.len() {
                go(pools, at + 1).get()
            } else {
                pools[0].close();
                pools[0].is_closed()
            }
        })
    }
    alone(|| {
        for way in 1..4 {
            let pools: Vec<_> = (0..way).map(|_| Arc::new(Pool::new(1))).collect();
            assert!(go(pools.clone(), 0).get(), "{way} pools");
            pools[0].close();
        }
    });
}

/// The same where the call that closes was made by a call that has ended, and another call waits for its end.
#[test]
fn a_close_inside_of_what_a_call_waits_for_later() {
    alone(|| {
        let (pool, other, gate) = (Arc::new(Pool::new(1)), Arc::new(Pool::new(1)), Gate::new());
        let (closed, at_gate) = (pool.clone(), gate.clone());
        let made = pool.spawn(move || {
            other.spawn(move || {
                at_gate.pass();
                closed.close();
                5
            })
        });
        let made = made.get();
        let waits = pool.spawn(move || made.get());
        until("it waits", || pool.stats().blocked == 1);
        gate.open();
        assert_eq!(waits.get(), 5);
    });
}

/// The same where the call of the closing pool starts to wait only while the other one closes.
#[test]
fn a_wait_for_a_call_that_closes() {
    alone(|| {
        let (pool, other) = (Arc::new(Pool::new(1)), Pool::new(1));
        let (begun, slot) = (Gate::new(), Arc::new(Mutex::new(None)));
        let (at_gate, handle) = (begun.clone(), slot.clone());
        let waits = pool.spawn(move || {
            at_gate.pass();
            let closes: AsyncValue<u32> = lock(&handle).take().expect("made before");
            closes.get()
        });
        begun.wait_for(1);
        let closed = pool.clone();
        *lock(&slot) = Some(other.spawn(move || {
            closed.close();
            5
        }));
        until("it closes", || pool.is_closed());
        begun.open();
        assert_eq!(waits.get(), 5);
    });
}

/// Elsewhere a close waits: in a call of another pool for which no call of the closing pool waits.
#[test]
fn a_close_in_an_unrelated_call_waits() {
    watched(|| {
        let (pool, other, gate) = (Arc::new(Pool::new(1)), Pool::new(1), Gate::new());
        let _opener = gate.opener();
        let at_gate = gate.clone();
        let call = pool.spawn(move || at_gate.pass());
        gate.wait_for(1);
        let there = pool.clone();
        let close = other.spawn(move || {
            let in_time = there.close_timeout(SHORT);
            there.close();
            (in_time, there.stats().running)
        });
        until("it is closed", || pool.is_closed());
        assert!(!close.wait_timeout(SHORT * 2), "a call of the pool still runs");
        gate.open();
        assert_eq!(close.get(), (false, 0));
        assert!(call.is_finished());
    });
}

/// A call of one pool waits for a call of another one, which drops the last owner of the first: the drop marks and returns.
#[test]
fn the_last_owner_is_dropped_in_an_awaited_call() {
    alone(|| {
        let (pool, other) = (Arc::new(Pool::new(1)), Arc::new(Pool::new(1)));
        let slot = Arc::new(Mutex::new(Some(pool.clone())));
        let call = pool.spawn(move || {
            let drops = other.spawn(move || {
                let owner = lock(&slot).take();
                until("this is the last owner", || owner.as_ref().is_none_or(|pool| Arc::strong_count(pool) == 1));
                drop(owner);
                5
            });
            drops.get()
        });
        drop(pool);
        assert_eq!(call.get(), 5);
    });
}

/// The drop of a pool inside any call marks and returns, although a call of that pool runs; and the call ends well.
#[test]
fn the_drop_of_a_pool_in_a_call_waits_for_nothing() {
    alone(|| {
        let (pool, other, gate) = (Pool::new(1), Pool::new(1), Gate::new());
        let at_gate = gate.clone();
        let runs = pool.spawn(move || (at_gate.pass(), 5).1);
        let queued = pool.spawn(|| 6);
        gate.wait_for(1);
        other.spawn(move || drop(pool)).get();
        assert!(!runs.is_finished());
        gate.open();
        assert_eq!((runs.get(), queued.get()), (5, 6));
    });
}

/// Two pools that are owned by calls of each other, without a close anywhere.
#[test]
fn pools_that_calls_own() {
    alone(|| {
        fn turn(pools: &Arc<[Pool; 2]>, left: usize) -> AsyncValue<usize> {
            let owner = pools.clone();
            pools[left % 2].spawn(move || {
                if left == 0 {
                    return 0;
                }
                let call = turn(&owner, left - 1);
                // The last owner is the innermost call, for which all others wait.
                drop(owner);
                1 + call.get()
            })
        }
        for depth in 0..50 {
            let call = turn(&Arc::new([Pool::new(1), Pool::new(1)]), depth);
            assert_eq!(call.get(), depth);
        }
    });
}

/// A pool with one worker at the gate and a full queue: calls from outside run on the thread that makes them.
fn full(gate: &Gate) -> Arc<Pool> {
    let built = Pool::builder().workers(1).queue(1).on_full(OnFull::RunHere).build();
    let pool = Arc::new(built.expect("nothing to refuse"));
    let (at_gate, before) = (gate.clone(), gate.arrived());
    pool.map(0..2, move |_| at_gate.pass()).into_iter().for_each(AsyncValue::detach);
    gate.wait_for(before + 1);
    pool
}

/// A call that its caller runs is a call of the pool until it ends: `close` waits for it.
#[test]
fn a_close_waits_for_a_call_run_by_its_caller() {
    alone(|| {
        let (gate, inside) = (Gate::new(), Gate::new());
        let pool = full(&gate);
        let (caller, at_gate) = (pool.clone(), inside.clone());
        let ended = Arc::new(AtomicBool::new(false));
        let mark = ended.clone();
        let caller = thread::spawn(move || {
            let call = caller.spawn(move || {
                at_gate.pass();
                mark.store(true, Ordering::SeqCst);
            });
            call.get();
        });
        inside.wait_for(1);
        gate.open();
        until("the others have ended", || pool.stats().finished == 2);
        assert!(!pool.close_timeout(SHORT), "a call of the pool runs on the thread of its caller");
        inside.open();
        pool.close();
        assert!(ended.load(Ordering::SeqCst), "`close` has returned before the call ended");
        caller.join().expect("nothing panics");
    });
}

/// And the closing pool takes the calls that it makes, also from inside of a call of another pool that its caller runs.
#[test]
fn what_a_call_run_by_its_caller_makes_is_taken() {
    alone(|| {
        let (gate, inside) = (Gate::new(), Gate::new());
        let (pool, other) = (full(&gate), full(&gate));
        let (outer, there, at_gate) = (pool.clone(), other.clone(), inside.clone());
        let caller = thread::spawn(move || {
            let inner = outer.clone();
            let call = outer.spawn(move || {
                let both = there.clone();
                let nested = there.spawn(move || {
                    at_gate.pass();
                    (inner.spawn(|| 5), both.spawn(|| 6))
                });
                nested.get()
            });
            let (five, six) = call.get();
            (five.outcome(), six.outcome())
        });
        inside.wait_for(1);
        for pool in [&pool, &other] {
            assert!(!pool.close_timeout(Duration::ZERO));
        }
        inside.open();
        gate.open();
        let ends = caller.join().expect("nothing panics");
        assert!(matches!(ends, (Ok(5), Ok(6))), "{ends:?}");
        pool.close();
        other.close();
    });
}

/// Two full pools whose callers run calls of both in turns: the stack of an ordinary thread bears it.
#[test]
fn callers_take_turns() {
    alone(|| {
        const TURNS: usize = 100_000;
        fn turn(pools: Arc<[Arc<Pool>; 2]>, left: usize, ran: Arc<AtomicUsize>) {
            ran.fetch_add(1, Ordering::SeqCst);
            if left > 0 {
                let pool = pools[left % 2].clone();
                pool.spawn(move || turn(pools, left - 1, ran)).detach();
            }
        }
        let gate = Gate::new();
        let pools = Arc::new([full(&gate), full(&gate)]);
        let ran = Arc::new(AtomicUsize::new(0));
        turn(pools.clone(), TURNS, ran.clone());
        gate.open();
        until("each turn ran", || ran.load(Ordering::SeqCst) == TURNS + 1);
    });
}

/// As many threads as the pool has are left while calls come: those over it leave within their timeout.
#[cfg(target_os = "linux")]
#[test]
fn spares_leave_while_calls_run() {
    use crate::process::threads_named;
    watched(|| {
        let built = Pool::builder().workers(4).name("spr").idle_timeout(Duration::from_millis(10)).build();
        let pool = Arc::new(built.expect("nothing to refuse"));
        let (promise, value) = AsyncValue::promise();
        let value = value.shared();
        let waits = pool.map(0..4, move |_| *value.get());
        until("all wait", || pool.stats().blocked == 4);
        pool.map(0..4, |_| ()).get();
        promise.set(5);
        assert_eq!(waits.get(), [5; 4]);
        pool.set_workers(1);
        until("the spares have left", || {
            pool.map(0..10, |_| thread::yield_now()).get();
            threads_named("spr-") <= 1 && pool.stats().spares == 0
        });
    });
}

/// A thread that was idle in the stead of a waiter is a spare once the waiter is back, and leaves although a call runs on and on.
#[cfg(target_os = "linux")]
#[test]
fn spares_leave_while_one_call_runs() {
    use crate::process::threads_named;
    watched(|| {
        let pool = Pool::builder().workers(1).name("spl").build().expect("nothing to refuse");
        let (gate, (promise, value)) = (Gate::new(), AsyncValue::promise());
        let _opener = gate.opener();
        let at_gate = gate.clone();
        let long = pool.spawn(move || {
            value.wait();
            at_gate.pass();
        });
        until("it waits", || pool.stats().blocked == 1);
        pool.spawn(|| ()).get();
        until("a second thread is idle", || pool.stats().idle == 1);
        stays("it has nothing to do", || pool.stats().idle == 1);
        promise.set(());
        gate.wait_for(1);
        until("the spare has left", || threads_named("spl-") == 1 && pool.stats().spares == 0);
        gate.open();
        long.get();
    });
}

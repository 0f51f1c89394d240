//! The stacks of calls, and what inline runs may use of them; and what a wait on many calls costs.

use std::hint::black_box;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::pooled;

use crate::helpers::watched;
use crate::hooks::AtDrop;
use crate::process::alone;
#[cfg(target_os = "linux")]
use crate::process::status;

const STACK: usize = 1 << 20;

/// Runs `then` where that many bytes of the stack are used, counted from here.
fn deep<R>(bytes: usize, then: &mut dyn FnMut() -> R) -> R {
    #[inline(never)]
    fn sink<R>(base: usize, bytes: usize, then: &mut dyn FnMut() -> R) -> R {
        let frame = black_box([0_u8; 4096]);
        let used = base.abs_diff((&raw const frame).addr());
        let result = if used < bytes { sink(base, bytes, then) } else { then() };
        black_box(frame);
        result
    }
    let base = 0_u8;
    sink(black_box(&raw const base).addr(), bytes, then)
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::builder().workers(1).stack_size(STACK).build().expect("nothing to refuse"))
}

/// A waiter that has used less than it may, and a call that runs inside of the wait: each has the whole stack to itself.
#[test]
fn a_call_inside_of_a_wait_has_its_stack() {
    alone(|| {
        for used in [STACK / 16 * 7, STACK / 16 * 11, STACK / 16 * 14] {
            let pool = pool();
            let inner = pool.clone();
            let call = pool.spawn(move || {
                let mut wait = || inner.spawn(|| deep(STACK / 16 * 14, &mut || 5)).get();
                deep(used, &mut wait)
            });
            assert_eq!(call.get(), 5);
        }
    });
}

/// Level upon level, each of which uses most of a stack.
#[test]
fn calls_inside_of_calls_have_their_stacks() {
    fn nest(pool: &Arc<Pool>, left: usize) -> usize {
        let mut wait = || {
            let inner = pool.clone();
            if left == 0 { 0 } else { 1 + pool.spawn(move || nest(&inner, left - 1)).get() }
        };
        deep(STACK / 4 * 3, &mut wait)
    }
    alone(|| {
        let pool = pool();
        let inner = pool.clone();
        assert_eq!(pool.spawn(move || nest(&inner, 20)).get(), 20);
    });
}

/// A waiter that unwinds runs nothing inline: the call would find its thread panicking.
#[test]
fn nothing_runs_inside_of_an_unwinding_waiter() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let (inner, (sender, receiver)) = (pool.clone(), mpsc::channel());
        let call = pool.spawn(move || {
            let _waits = AtDrop::new(move || {
                let call = inner.spawn(|| (thread::panicking(), thread::current().id()));
                sender.send((call.get(), thread::current().id())).expect("the test waits");
            });
            resume_unwind(Box::new("no luck"))
        });
        let end: Result<(), _> = call.outcome();
        assert!(end.is_err());
        let ((panicking, ran_on), waited_on) = receiver.recv().expect("it was dropped");
        assert!(!panicking && ran_on != waited_on, "the call ran inside of the unwinding");
    });
}

/// The same for a call that the awaited one needs, and for the wait on a list.
#[test]
fn no_need_runs_inside_of_an_unwinding_waiter() {
    static POOL: Pool = Pool::new(1);
    #[pooled(pool = POOL)]
    fn look(before: bool) -> bool {
        before || thread::panicking()
    }
    watched(|| {
        let (sender, receiver) = mpsc::channel();
        let call = POOL.spawn(move || {
            let _waits = AtDrop::new(move || {
                let calls: AsyncList<_> = (0..3).map(|_| look(look(false))).collect();
                sender.send(calls.get()).expect("the test waits");
            });
            resume_unwind(Box::new("no luck"))
        });
        let end: Result<(), _> = call.outcome();
        assert!(end.is_err());
        assert_eq!(receiver.recv().expect("it was dropped"), [false; 3]);
    });
}

/// A short wait on a long list, inside a call, takes about as long as it may. The best of some: a busy machine holds threads up.
#[test]
fn a_short_wait_on_a_long_list_is_short() {
    alone(|| {
        let pool = Arc::new(Pool::new(1));
        let (promise, value) = AsyncValue::<()>::promise();
        let inner = pool.clone();
        let call = pool.spawn(move || {
            let calls: AsyncList<()> = inner.map(0..1_000_000, |_| ());
            let calls: AsyncList<()> = calls.into_iter().chain([value]).collect();
            let mut best = Duration::MAX;
            for _ in 0..5 {
                let start = Instant::now();
                assert!(!calls.wait_timeout(Duration::from_millis(1)));
                best = best.min(start.elapsed());
            }
            calls.into_iter().for_each(AsyncValue::detach);
            best
        });
        let best = call.get();
        drop(promise);
        assert!(best < Duration::from_millis(100), "{best:?} instead of 1 ms");
    });
}

/// A pending call whose followers are cancelled, on and on, keeps nothing of them.
#[cfg(target_os = "linux")]
#[test]
fn a_cancelled_follower_leaves_nothing_behind() {
    static POOL: Pool = Pool::new(1);
    #[pooled(pool = POOL)]
    fn follow(_n: u32) {}
    alone(|| {
        let (promise, value) = AsyncValue::<u32>::promise();
        let round = || {
            for _ in 0..50_000 {
                assert!(follow(&value).cancel());
            }
        };
        round();
        let memory = status("VmRSS");
        (0..4).for_each(|_| round());
        let growth = status("VmRSS").saturating_sub(memory);
        println!("{growth} kB after 200,000 cancelled followers");
        assert!(growth < 4_000, "{growth} kB");
        let last = follow(&value);
        promise.set(5);
        last.get();
    });
}

//! Calls are cancelled while workers take them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools_model::__private::Function;
use asynctools_model::__private::HandOver;
use asynctools_model::__private::Name;
use asynctools_model::__private::arg;
use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use asynctools_model::Promise;
use asynctools_model::TaskError;
use shuttle::sync::Mutex;
use shuttle::sync::mpsc::channel;
use shuttle::thread;

use crate::check;
use crate::helpers::Counted;
use crate::helpers::pause;
use crate::helpers::shared;

static ELSEWHERE: Function = Name("elsewhere").within(module_path!());

#[test]
fn a_cancel_races_with_the_run() {
    check(|| {
        let pool = Pool::new(1);
        let ran = Arc::new(AtomicBool::new(false));
        let dropped = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (ran.clone(), Counted(dropped.clone()));
        let call = pool.spawn(move || {
            seen.store(true, Ordering::SeqCst);
            counted
        });
        let cancelled = call.cancel();
        drop(call);
        pool.close();
        assert_ne!(cancelled, ran.load(Ordering::SeqCst));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert_eq!(pool.stats().cancelled, usize::from(cancelled));
        assert_eq!(pool.stats().queued, 0);
    });
}

/// The call waits for its argument, or for the other engine, or runs there.
#[test]
fn a_cancel_races_with_another_engine() {
    check(|| {
        let (tell, told) = channel();
        let (argument, value) = AsyncValue::promise();
        let call =
            HandOver::<Infallible, ()>::new(&ELSEWHERE).start1(arg(value), move |n: u32, promise: Promise<u32>| {
                let queue = Arc::new(Mutex::new(None));
                let queued = queue.clone();
                promise.on_cancel(move || {
                    let Some((_, promise)): Option<(u32, Promise<u32>)> = take(&queued) else { return false };
                    promise.end_with(TaskError::Cancelled);
                    true
                });
                *queue.lock().expect("nothing panics") = Some((n, promise));
                tell.send(queue).expect("the engine runs");
            });
        let engine = thread::spawn(move || {
            let Some((n, promise)) = told.recv().ok().and_then(|queue| take(&queue)) else { return false };
            pause();
            promise.set(n + 1);
            true
        });
        let setter = thread::spawn(move || argument.set(1));
        let cancelled = call.cancel();
        match call.outcome() {
            Ok(n) => assert!(n == 2 && !cancelled),
            Err(error) => assert!(cancelled && matches!(error.root(), TaskError::Cancelled), "{error}"),
        }
        setter.join().expect("it ended well");
        assert_ne!(engine.join().expect("it ended well"), cancelled, "it runs, or it is cancelled");
    });
}

fn take<T>(queue: &Mutex<Option<T>>) -> Option<T> {
    queue.lock().expect("nothing panics").take()
}

#[test]
fn a_cancel_makes_room_in_a_full_queue() {
    check(|| {
        let pool = Arc::new(Pool::builder().workers(0).queue(1).build().expect("it is a pool"));
        let call = pool.spawn(|| 1);
        let held_up = thread::spawn({
            let pool = pool.clone();
            move || pool.spawn(|| 2)
        });
        assert!(call.cancel());
        let call = held_up.join().expect("it ended well");
        assert_eq!(pool.stats().queued, 1);
        pool.set_workers(1);
        assert_eq!(call.get(), 2);
    });
}

#[test]
fn a_cancel_races_with_a_nested_wait() {
    check(|| {
        let pool = shared(1);
        let inside = pool.clone();
        let (promise, value) = AsyncValue::promise();
        let outer = pool.spawn(move || {
            let inner = inside.spawn(|| 1);
            promise.set(());
            inner.outcome()
        });
        value.get();
        pool.cancel_queued();
        let outcome = outer.get();
        assert!(matches!(outcome, Ok(1) | Err(TaskError::Cancelled)), "{outcome:?}");
        pool.close();
        assert_eq!(pool.stats().queued, 0);
    });
}

#[test]
fn whole_queues_are_cancelled() {
    check(|| {
        let pool = shared(1);
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let calls = pool.map(0..3, move |_| count.fetch_add(1, Ordering::SeqCst));
        let other = thread::spawn({
            let pool = pool.clone();
            move || pool.cancel_queued()
        });
        let cancelled = pool.cancel_queued() + other.join().expect("it ended well");
        let lost = calls.outcomes().iter().filter(|outcome| outcome.is_err()).count();
        assert_eq!((lost, ran.load(Ordering::SeqCst)), (cancelled, 3 - cancelled));
    });
}

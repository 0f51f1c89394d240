//! Pools close while calls are submitted, run and wait.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools_model::AsyncValue;
use asynctools_model::Pool;
use shuttle::thread;

use crate::helpers::Counted;
use crate::helpers::On;
use crate::helpers::SECOND;
use crate::helpers::is_closed_or;
use crate::helpers::pause;
use crate::helpers::shared;
use crate::thoroughly;

#[test]
fn close_during_submit() {
    thoroughly(|| {
        let pool = shared(2);
        let ran = Arc::new(AtomicUsize::new(0));
        let submitter = thread::spawn({
            let (pool, ran) = (pool.clone(), ran.clone());
            move || {
                let calls = pool.map(0..2, move |n| {
                    ran.fetch_add(1, Ordering::SeqCst);
                    n
                });
                let outcomes = calls.outcomes();
                outcomes.iter().enumerate().filter(|(n, outcome)| is_closed_or(outcome, n)).count()
            }
        });
        pool.close();
        let values = submitter.join().expect("it ended well");
        assert_eq!(ran.load(Ordering::SeqCst), values);
    });
}

#[test]
fn a_call_of_a_closing_pool_makes_another() {
    thoroughly(|| {
        let pool = shared(1);
        let inside = pool.clone();
        let outer = pool.spawn(move || {
            pause();
            inside.spawn(|| 1).get() + 1
        });
        pool.close();
        assert_eq!(outer.try_get().expect("it was there before the close"), 2);
    });
}

#[test]
fn the_drop_of_a_pool_ends_what_is_queued() {
    thoroughly(|| {
        let pool = Pool::new(1);
        let dropped = Arc::new(AtomicUsize::new(0));
        let counted = Counted(dropped.clone());
        let unwanted = pool.spawn(move || counted);
        unwanted.detach();
        let wanted = pool.spawn(|| 5);
        drop(pool);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
        assert_eq!(wanted.try_get().expect("it was queued"), 5);
    });
}

#[test]
fn a_close_with_a_time_out() {
    thoroughly(|| {
        let pool = Pool::new(1);
        let (promise, value) = AsyncValue::promise();
        let call = pool.spawn(move || value.get());
        let setter = thread::spawn(move || promise.set(5));
        if pool.close_timeout(SECOND) {
            assert!(call.is_finished());
        }
        assert_eq!(call.get(), 5);
        setter.join().expect("it ended well");
    });
}

#[test]
fn dataflow_becomes_ready_while_the_pool_closes() {
    thoroughly(|| {
        let on = On::new(1);
        let (promise, value) = AsyncValue::promise();
        let call = on.add(value, 1);
        let setter = thread::spawn(move || promise.set(4));
        on.0.close();
        is_closed_or(&call.outcome(), &5);
        setter.join().expect("it ended well");
    });
}

#[test]
fn a_paused_pool_is_closed() {
    thoroughly(|| {
        let pool = shared(1);
        pool.set_workers(0);
        let call = pool.spawn(|| 1);
        let submitter = thread::spawn({
            let pool = pool.clone();
            move || pool.spawn(|| 1)
        });
        pool.close();
        assert!(!is_closed_or(&call.outcome(), &1), "it ran in the pause");
        let late = submitter.join().expect("it ended well");
        is_closed_or(&late.outcome(), &1);
    });
}

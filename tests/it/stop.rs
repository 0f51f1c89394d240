//! Requests to stop: who is asked, and who sees it.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::StopToken;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::stop_requested;
use asynctools::stop_token;

use crate::helpers::Gate;
use crate::helpers::until;
use crate::helpers::watched;

/// Returns when the call that it is in was asked to stop.
fn until_asked() {
    until("nobody asks", stop_requested);
}

/// A call of the pool, which has begun, that returns its number when it is asked.
fn begun<T: Send + 'static>(pool: &Pool, result: T) -> AsyncValue<T> {
    let gate = Gate::new();
    let at_gate = gate.clone();
    let call = pool.spawn(move || {
        at_gate.pass();
        until_asked();
        result
    });
    gate.wait_for(1);
    gate.open();
    call
}

#[test]
fn a_running_call_sees_the_request_and_returns_what_it_likes() {
    watched(|| {
        let pool = Pool::new(2);
        let (asked, other) = (begun(&pool, 1), begun(&pool, 2));
        assert!(!stop_requested() && !stop_token().is_requested());
        asked.request_stop();
        asked.request_stop();
        assert_eq!(asked.get(), 1);
        assert!(!other.is_finished());
        other.request_stop();
        assert_eq!(other.get(), 2);
        assert!(!pool.spawn(stop_requested).get());
    });
}

#[test]
fn a_call_that_has_not_started_is_cancelled_and_an_ended_one_does_not_care() {
    watched(|| {
        let pool = Pool::new(0);
        let queued = pool.spawn(|| 5);
        queued.request_stop();
        assert!(matches!(queued.outcome(), Err(TaskError::Cancelled)));
        let (promise, value) = AsyncValue::<u8>::promise();
        let waiting = value.map(|n| n);
        waiting.request_stop();
        assert!(matches!(waiting.outcome(), Err(TaskError::Cancelled)));
        promise.set(5);
        let ended = AsyncValue::ready(5);
        ended.request_stop();
        assert_eq!(ended.get(), 5);
    });
}

#[test]
fn a_call_on_the_stack_of_another_has_requests_of_its_own() {
    watched(|| {
        let pool = Arc::new(Pool::new(1));
        let (asked, is_asked) = mpsc::channel();
        let (begins, has_begun) = mpsc::channel();
        let inner = pool.clone();
        let outer = pool.spawn(move || {
            let own = thread::current().id();
            let nested = inner.spawn(move || {
                let _ = begins.send(());
                is_asked.recv().expect("the test asks");
                (stop_requested(), thread::current().id() == own)
            });
            let nested = nested.get();
            until_asked();
            nested
        });
        has_begun.recv().expect("the inner call begins");
        outer.request_stop();
        asked.send(()).expect("the inner call waits");
        assert_eq!(outer.get(), (false, true));
        // The other way round.
        let inner = pool.clone();
        let outer = pool.spawn(move || {
            let gate = Gate::new();
            let at_gate = gate.clone();
            let nested = Arc::new(inner.spawn(move || {
                at_gate.pass();
                until_asked();
            }));
            let asks = thread::spawn({
                let (nested, gate) = (nested.clone(), gate.clone());
                move || {
                    gate.wait_for(1);
                    nested.request_stop();
                    gate.open();
                }
            });
            nested.wait();
            asks.join().expect("it asks");
            stop_requested()
        });
        assert!(!outer.get());
    });
}

#[test]
fn a_pool_asks_what_runs_cancels_what_is_queued_and_leaves_the_rest() {
    watched(|| {
        let (pool, other) = (Pool::new(1), Pool::new(1));
        let elsewhere = begun(&other, ());
        let (runs, queued) = (begun(&pool, 1), pool.spawn(|| 2));
        let (promise, value) = AsyncValue::<u8>::promise();
        let waits = pool.spawn(|| 1).zip(value).map(|_| stop_requested());
        pool.request_stop();
        assert_eq!(runs.get(), 1);
        assert!(matches!(queued.outcome(), Err(TaskError::Cancelled)));
        let later = pool.spawn(move || {
            elsewhere.request_stop();
            elsewhere.get();
            stop_requested()
        });
        assert!(!later.get(), "a later call");
        promise.set(3);
        assert!(matches!(waits.outcome(), Err(TaskError::Upstream(_))), "one that it needs was in the queue");
    });
}

#[test]
fn every_call_that_was_made_before_a_request_to_a_pool_is_cancelled_or_asked() {
    watched(|| {
        let pool = Pool::new(2);
        for _ in 0..300 {
            let calls: Vec<_> = (0..4).map(|_| pool.spawn(until_asked)).collect();
            pool.request_stop();
            for call in calls {
                assert!(matches!(call.outcome(), Ok(()) | Err(TaskError::Cancelled)));
            }
            assert!(!pool.spawn(stop_requested).get(), "a later call");
        }
    });
}

#[test]
fn the_address_of_a_call_that_was_asked_carries_nothing_over() {
    watched(|| {
        let pool = Pool::new(1);
        for _ in 0..200 {
            let call = begun(&pool, ());
            call.request_stop();
            call.get();
            assert!(!pool.spawn(stop_requested).get());
        }
    });
}

#[test]
fn losers_of_a_race_are_asked() {
    watched(|| {
        let pool = Pool::new(2);
        let (sender, ended) = mpsc::channel();
        let loser = |pool: &Pool| {
            let sender = sender.clone();
            begun(pool, ()).map(move |()| sender.send(()).is_ok())
        };
        let fails = || AsyncValue::ready(Err::<u8, &str>("no"));
        // The race sees the first part of the loser.
        let race = |winner: AsyncValue<u8>| AsyncList::from([begun(&pool, 1), winner]);
        assert_eq!(race(AsyncValue::ready(2)).first(), Some(2));
        assert!(matches!(race(AsyncValue::ready(2)).first_timeout(Duration::MAX), Ok(Some(2))));
        let races = |winner| AsyncList::from([begun(&pool, Ok::<u8, &str>(1)), winner]);
        assert_eq!(races(AsyncValue::ready(Ok(2))).first_ok().ok(), Some(2));
        assert!(races(fails()).all_ok().is_err());
        pool.wait_idle();
        assert_eq!(pool.stats().panicked, 0, "each call was asked");
        // Nobody is asked while the race goes on.
        let list = AsyncList::from([begun(&pool, ())]);
        let Err(list) = list.first_timeout(Duration::ZERO) else { panic!("nobody has won") };
        assert!(!pool.wait_idle_timeout(Duration::from_millis(20)));
        let waits = loser(&pool);
        assert!(!waits.is_finished());
        list.request_stop();
        list.get();
        pool.request_stop();
        waits.get();
        assert_eq!(ended.recv(), Ok(()));
    });
}

#[test]
fn a_dropped_window_asks_what_runs() {
    watched(|| {
        let pool = Pool::new(2);
        let mut ordered = [AsyncValue::ready(())].into_iter().chain((0..2).map(|_| begun(&pool, ()))).buffered(3);
        ordered.next();
        drop(ordered);
        pool.wait_idle();
        let calls = [AsyncValue::ready(())].into_iter().chain((0..2).map(|_| begun(&pool, ())));
        let mut unordered = calls.buffer_unordered(3);
        unordered.next();
        drop(unordered);
        pool.wait_idle();
        assert_eq!(pool.stats().panicked, 0, "each call was asked");
    });
}

#[test]
fn a_close_asks_at_its_deadline() {
    watched(|| {
        let pool = Pool::new(1);
        let call = begun(&pool, ());
        assert!(!pool.close_timeout(Duration::from_millis(1)));
        call.get();
        assert!(pool.close_timeout(Duration::MAX));
    });
}

#[test]
fn the_holder_of_a_promise_sees_the_request() {
    watched(|| {
        let ((promise, value), (other, kept)) = (AsyncValue::promise(), AsyncValue::<u8>::promise());
        value.request_stop();
        assert!(promise.stop_requested() && !other.stop_requested());
        promise.set(5);
        assert_eq!(value.get(), 5);
        drop((other, kept));
        let (promise, _value) = AsyncValue::<u8>::promise();
        assert!(!promise.stop_requested());
    });
}

#[test]
fn a_token_is_set_with_its_call_and_stays_so() {
    watched(|| {
        fn with_token(pool: &Pool) -> (AsyncValue<()>, StopToken) {
            let (sender, token) = mpsc::channel();
            let call = pool.spawn(move || {
                // A second one is the same.
                drop(sender.send((stop_token(), stop_token())));
                until_asked();
            });
            let (one, two) = token.recv().expect("the call hands it out");
            assert!(!one.is_requested() && !two.is_requested());
            (call, two)
        }
        let pool = Pool::new(2);
        let ((call, token), (other, untouched)) = (with_token(&pool), with_token(&pool));
        call.request_stop();
        assert!(token.is_requested() && !untouched.is_requested());
        call.get();
        assert!(token.is_requested() && !untouched.is_requested());
        pool.request_stop();
        assert!(untouched.is_requested());
        other.get();
        // One that is made after the request.
        let gate = Gate::new();
        let at_gate = gate.clone();
        let late = parallel(move || {
            at_gate.pass();
            stop_token().is_requested()
        });
        gate.wait_for(1);
        late.request_stop();
        gate.open();
        assert!(late.get());
        // One whose call ends unasked.
        let token = pool.spawn(stop_token).get();
        pool.request_stop();
        assert!(!token.is_requested());
    });
}

#[test]
fn a_call_that_its_caller_runs_sees_the_request_to_its_pool() {
    watched(|| {
        let pool = Arc::new(Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere).build().expect("it fits"));
        let parked = pool.spawn(|| ());
        let here = pool.clone();
        let asked = pool.spawn(move || {
            let before = stop_requested();
            here.request_stop();
            (before, stop_requested(), stop_token().is_requested())
        });
        assert_eq!(asked.get(), (false, true, true));
        assert!(parked.is_error());
        assert!(!stop_requested());
    });
}

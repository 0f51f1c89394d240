//! Traits and small verbs that a Rust user expects of the handles, the errors and the names.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::CallSite;
use asynctools::OnFull;
use asynctools::Pool;
use asynctools::Shared;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

use crate::helpers::CountedWaker;
use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::watched;

static POOL: Pool = Pool::new(2);

#[pooled(pool = POOL)]
fn boom(text: &'static str) -> u8 {
    std::panic::panic_any(text)
}

fn site(call: AsyncValue<u8>) -> CallSite {
    call.outcome().unwrap_err().path().next().unwrap()
}

#[test]
fn sites_are_compared_by_place() {
    watched(|| {
        let loops: Vec<_> = (0..2).map(|_| site(boom("a"))).collect();
        assert_eq!(loops[0], loops[1]);
        let (left, right) = (site(boom("a")), site(boom("a")));
        assert_ne!(left, right, "two calls in one line are two sites");
        assert!(left < right && loops[0] < left);
        let all = [loops[0], loops[1], left, right];
        assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 3);
        assert_eq!(
            all.into_iter().rev().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
            [all[0], left, right]
        );
        // Passed as a value, the function's own line is the site, whoever calls it.
        let values: Vec<_> = ["a", "b"].into_iter().map(boom).map(site).collect();
        assert_eq!(values[0], values[1]);
    });
}

#[test]
fn on_full_has_the_names_of_the_attributes() {
    let all = [(OnFull::Block, "block"), (OnFull::RunHere, "run_here"), (OnFull::Reject, "reject")];
    for (on_full, name) in all {
        assert_eq!((on_full.to_string(), name.parse()), (name.to_owned(), Ok(on_full)));
    }
    assert_eq!(all.into_iter().map(|(on_full, _)| on_full).collect::<HashSet<_>>().len(), 3);
    assert_eq!(format!("{:>8}", OnFull::Block), "   block");
    let error: Box<dyn Error> = "Block".parse::<OnFull>().unwrap_err().into();
    assert_eq!(error.to_string(), "unknown name `Block`; a full queue can `block`, `run_here` or `reject`");
}

#[test]
fn the_parts_of_an_error_are_errors() {
    watched(|| {
        let Err(TaskError::Panicked(panic)) = boom("no luck").outcome() else { unreachable!("it panicked") };
        assert_eq!(Box::<dyn Error>::from(panic).to_string(), "no luck");
        let error = boom("no luck").map(|n| n).outcome().unwrap_err();
        let text = error.to_string();
        let TaskError::Upstream(upstream) = error else { unreachable!("`map` needed it") };
        assert_eq!(upstream.to_string(), text);
        assert!(text.contains("map (") && text.ends_with(": panicked: no luck"), "{text}");
        assert!(upstream.source().unwrap().to_string().ends_with("panicked: no luck"));
        let pool = Pool::builder().workers(1).stack_size(1 << 46).build().unwrap();
        let Err(TaskError::Spawn(refused)) = pool.spawn(|| 5).outcome() else { unreachable!("no system has that") };
        assert_eq!(refused.to_string(), refused.io_error().to_string());
        assert!(matches!(CallError::<u8>::from(TaskError::Cancelled), CallError::Lost(TaskError::Cancelled)));
    });
}

#[test]
fn a_loss_says_what_its_root_is() {
    watched(|| {
        let pool = Pool::new(0);
        let cancelled = pool.spawn(|| 5);
        cancelled.cancel();
        let cancelled = cancelled.map(|n| n).outcome().unwrap_err();
        assert!(cancelled.is_cancelled() && !cancelled.is_panic());
        let shared = boom("no luck").shared();
        let (first, second) = (shared.outcome().unwrap_err(), shared.outcome().unwrap_err());
        assert!(first.is_panic() && !first.is_cancelled());
        assert_eq!(first.into_panic().downcast_ref(), Some(&"no luck"));
        assert_eq!(second.into_panic().downcast_ref(), Some(&"no luck".to_owned()), "another reader took the payload");
        let text = std::panic::catch_unwind(|| cancelled.into_panic()).unwrap_err();
        let text = text.downcast_ref::<String>().unwrap();
        assert!(
            text.starts_with("`into_panic` of a loss that is no panic: map (") && text.ends_with("cancelled"),
            "{text}"
        );
    });
}

#[test]
fn values_become_handles() {
    let value: AsyncValue<u8> = 5.into();
    assert_eq!(AsyncList::from([value, AsyncValue::from(6)]).get(), [5, 6]);
    assert_eq!(AsyncList::<u8>::from([]).len(), 0);
    let shared: Shared<u8> = AsyncValue::from(5).into();
    assert_eq!(*shared.get(), 5);
}

#[test]
fn a_promise_knows_whether_its_value_is_wanted() {
    watched(|| {
        let (promise, value) = AsyncValue::<u8>::promise();
        assert!(promise.is_wanted());
        let next = value.map(|n| n + 1);
        assert!(promise.is_wanted(), "a call needs it");
        next.cancel();
        assert!(!promise.is_wanted());
        let (promise, value) = AsyncValue::<u8>::promise();
        let shared = value.shared();
        drop(shared.clone());
        assert!(promise.is_wanted());
        drop(shared);
        assert!(!promise.is_wanted(), "the last reader is gone");
    });
}

#[test]
fn shared_waits_for_a_time() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let shared = value.shared();
        assert_eq!(shared.get_timeout(Duration::from_millis(1)), None);
        assert!(shared.outcome_timeout(Duration::ZERO).is_none());
        promise.set(5);
        assert_eq!(shared.get_timeout(Duration::ZERO), Some(&5));
        assert!(matches!(shared.outcome_timeout(Duration::MAX), Some(Ok(5))));
    });
}

#[test]
fn shared_is_mapped_by_reference() {
    watched(|| {
        let pool = Pool::builder().workers(1).name("mapped").build().unwrap();
        let text = pool.spawn(|| "some text".to_owned()).shared();
        let length = text.map(|text| (text.len(), std::thread::current().name().map(String::from)));
        let (length, name) = length.get();
        assert!(length == 9 && name.unwrap().starts_with("mapped-"), "runs on the pool of the call");
        assert_eq!(text.map(String::clone).get(), *text.get());
        let lost = boom("no luck").shared().map(|n| *n).outcome().unwrap_err();
        assert!(lost.is_panic() && lost.path().next().unwrap().function() == "map");
    });
}

#[test]
fn the_last_handle_takes_the_value() {
    watched(|| {
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::promise();
        let shared = value.shared().try_unwrap().err().expect("it has not ended");
        promise.set(drops.token());
        let other = shared.clone();
        let shared = shared.try_unwrap().err().expect("there is another handle");
        drop(other);
        let Ok(token) = shared.try_unwrap() else { panic!("it is the last") };
        assert_eq!(drops.count(), 0);
        drop(token);
        assert_eq!(drops.count(), 1);
        let lost = boom("no luck").shared();
        lost.wait();
        assert!(lost.try_unwrap().unwrap_err().is_error());
        // A reader that was told of the end owns the value from then on: nothing of ours still holds it.
        for n in 0..1000 {
            let shared = POOL.spawn(move || n).shared();
            shared.wait();
            assert_eq!(shared.try_unwrap().unwrap(), n);
        }
    });
}

#[test]
fn a_call_that_borrows_a_shared_result_keeps_it() {
    watched(|| {
        let gate = Gate::new();
        let opened = gate.clone();
        let shared = AsyncValue::ready(5_u8).shared();
        let call = shared.map(move |n| {
            opened.pass();
            *n
        });
        gate.wait_for(1);
        let shared = shared.try_unwrap().unwrap_err();
        gate.open();
        assert_eq!(call.get(), 5);
        assert_eq!(shared.try_unwrap().unwrap(), 5);
    });
}

#[test]
fn each_reader_of_a_shared_result_is_polled_for_itself() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let (first, second) = (value.shared(), ());
        let () = second;
        let (mut first, mut second) = (pin!(first.clone()), pin!(first));
        let wakers: Vec<_> = (0..3).map(|_| CountedWaker::new()).collect();
        let poll = |future: std::pin::Pin<&mut Shared<u8>>, waker: &Waker| future.poll(&mut Context::from_waker(waker));
        assert!(poll(first.as_mut(), &wakers[0].1).is_pending());
        assert!(poll(second.as_mut(), &wakers[1].1).is_pending());
        // The last waker of a handle counts.
        assert!(poll(first.as_mut(), &wakers[2].1).is_pending());
        promise.set(5);
        assert_eq!(wakers.iter().map(|(counted, _)| counted.wakes()).collect::<Vec<_>>(), [0, 1, 1]);
        assert_eq!(poll(first.as_mut(), &wakers[0].1), Poll::Ready(5));
        assert_eq!(poll(second.as_mut(), &wakers[0].1), Poll::Ready(5));
        assert_eq!(futures::executor::block_on(POOL.spawn(|| 7).shared()), 7);
    });
}

#[test]
fn a_dropped_reader_leaves_no_waker_behind() {
    watched(|| {
        let (promise, value) = AsyncValue::<u8>::promise();
        let shared = value.shared();
        let (counted, waker) = CountedWaker::new();
        let mut reader = Box::pin(shared.clone());
        assert!(reader.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        assert_eq!(Arc::strong_count(&counted), 2);
        drop(reader);
        assert_eq!(Arc::strong_count(&counted), 1);
        promise.set(5);
        assert_eq!((counted.wakes(), *shared.get()), (0, 5));
    });
}

/// A waker that waits for another reader of the same result.
#[test]
fn a_waker_of_a_reader_may_wait() {
    struct Waits(Mutex<Option<AsyncValue<u8>>>);
    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            let call = self.0.lock().unwrap().take();
            assert_eq!(call.map(AsyncValue::get), Some(6));
        }
    }
    watched(|| {
        let (promise, value) = AsyncValue::<u8>::promise();
        let shared = value.shared();
        let mut reader = pin!(shared.clone());
        let waits = Arc::new(Waits(Mutex::new(None)));
        assert!(reader.as_mut().poll(&mut Context::from_waker(&waits.clone().into())).is_pending());
        *waits.0.lock().unwrap() = Some(shared.map(|n| n + 1));
        promise.set(5);
        assert!(waits.0.lock().unwrap().is_none());
        assert_eq!(parallel(move || *shared.get()).get(), 5);
    });
}

//! Calls that are handed over to another engine: the promise ends them, and hears of a cancellation.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::thread;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;
use asynctools::Promise;
use asynctools::TaskError;
use asynctools::hand_over;

/// Counts its drops.
#[derive(Debug, Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns a value whose drop counts.
    fn value(&self) -> Counted {
        Counted(self.0.clone())
    }
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_promise_is_set_before_while_and_after_somebody_waits() {
    assert_eq!(hand_over(|promise| promise.set(1)).get(), 1);

    let (give, take) = channel::<Promise<u8>>();
    let value = hand_over(|promise| give.send(promise).unwrap());
    let waiter = thread::spawn(move || value.get());
    take.recv().unwrap().set(2);
    assert_eq!(waiter.join().unwrap(), 2);

    let value = hand_over(|promise| give.send(promise).unwrap());
    let promise = take.recv().unwrap();
    thread::spawn(move || promise.set(3)).join().unwrap();
    assert!(value.is_finished());
    assert_eq!(value.map(|n| n + 1).get(), 4);
}

#[test]
fn a_promise_can_end_without_a_value() {
    let error = hand_over::<u8>(|promise| promise.end_with(TaskError::Rejected)).outcome().unwrap_err();
    assert!(matches!(error, TaskError::Rejected));
    let error = hand_over::<u8>(drop).outcome().unwrap_err();
    assert!(matches!(error, TaskError::Abandoned));
    let error = hand_over::<u8>(|promise| promise.end_with(TaskError::Closed)).map(|n| n + 1).outcome().unwrap_err();
    assert!(matches!(error.root(), TaskError::Closed));
    let text = error.to_string();
    assert!(text.starts_with("map (") && text.contains(" <- hand_over ("), "{text}");
}

#[test]
fn an_unwanted_value_is_dropped_as_soon_as_it_is_set() {
    let drops = Drops::default();
    let (give, take) = channel();
    drop(hand_over::<Counted>(|promise| give.send(promise).unwrap()));
    let promise = take.recv().unwrap();
    assert_eq!(drops.count(), 0);
    promise.set(drops.value());
    assert_eq!(drops.count(), 1);
}

/// Returns a handle whose hook answers `answer` and counts its calls, with its promise.
fn cancellable(calls: &Arc<AtomicUsize>, answer: bool) -> (Promise<u8>, AsyncValue<u8>) {
    let (promise, value) = AsyncValue::promise();
    let calls = calls.clone();
    promise.on_cancel(move || {
        calls.fetch_add(1, Ordering::SeqCst);
        answer
    });
    (promise, value)
}

#[test]
fn a_cancellation_reaches_the_promise() {
    let calls = Arc::default();
    for answer in [true, false] {
        let (promise, value) = cancellable(&calls, answer);
        let dependant = value.map(|n| n + 1);
        assert!(dependant.cancel(), "the dependant has not begun");
        let (other, value) = cancellable(&calls, answer);
        assert_eq!(value.cancel(), answer);
        promise.set(1);
        other.end_with(TaskError::Cancelled);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2, "each hook of a cancelled handle, once");
}

#[test]
fn a_hook_may_end_the_promise() {
    let (give, take) = channel::<Promise<u8>>();
    let (promise, value) = AsyncValue::promise();
    promise.on_cancel(move || {
        take.recv().unwrap().end_with(TaskError::Cancelled);
        true
    });
    give.send(promise).unwrap();
    assert!(value.cancel(), "the hook runs outside of every lock");
}

#[test]
fn a_list_tells_all_promises() {
    let calls = Arc::default();
    let (promises, values): (Vec<_>, AsyncList<u8>) =
        [true, false, true].map(|answer| cancellable(&calls, answer)).into_iter().unzip();
    assert_eq!(values.cancel(), 2);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    drop(promises);
}

#[test]
fn a_hook_that_panics_keeps_no_other_from_being_told() {
    let calls = Arc::default();
    let (_first, first) = cancellable(&calls, true);
    let (second, value) = AsyncValue::promise();
    second.on_cancel(|| panic!("no luck"));
    let (_third, third) = cancellable(&calls, true);
    let (_fourth, window) = cancellable(&calls, true);
    assert_eq!(AsyncList::from([first, value, third]).cancel(), 2);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    let (fifth, value) = AsyncValue::promise();
    fifth.on_cancel(|| panic!("no luck"));
    let mut calls_of_window = [AsyncValue::ready(5), window, value].into_iter().buffered(3);
    assert_eq!(calls_of_window.next(), Some(5));
    drop(calls_of_window);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn a_hook_goes_with_the_end() {
    let drops = Drops::default();
    let (promise, value) = AsyncValue::promise();
    let held = drops.value();
    promise.on_cancel(move || {
        let _ = &held;
        true
    });
    promise.set(5);
    assert_eq!(drops.count(), 1, "it is not called, and not kept");
    assert_eq!(value.get(), 5);
}

//! Windows and `as_completed` as streams: what a poll does, and what is left between two.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::TaskError;
use futures::Stream;
use futures::StreamExt as _;
use futures::executor::block_on;

use crate::helpers::CountedWaker;
use crate::helpers::watched;
use crate::hooks::Wakes;

fn poll<S: Stream + Unpin>(stream: &mut S, waker: &Waker) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(waker))
}

fn promises(count: usize) -> (Vec<Option<Promise<usize>>>, Vec<AsyncValue<usize>>) {
    (0..count).map(|_| AsyncValue::promise()).map(|(promise, value)| (Some(promise), value)).unzip()
}

#[test]
fn a_stream_has_the_items_of_the_iterator() {
    watched(|| {
        let pool = Pool::new(2);
        let square = |n: u32| pool.spawn(move || n * n);
        block_on(async {
            assert_eq!((0..9).map(square).buffered(3).into_stream().collect::<Vec<_>>().await[8], 64);
            let mut pairs: Vec<_> = (0..9).map(|n| (n, square(n))).buffer_unordered(3).into_stream().collect().await;
            pairs.sort_unstable();
            assert_eq!(pairs, (0..9).map(|n| (n, n * n)).collect::<Vec<_>>());
            let list: AsyncList<_> = (0..9).map(square).collect();
            let mut all: Vec<_> = list.as_completed().into_stream().collect().await;
            all.sort_unstable_by_key(|(index, _)| *index);
            assert!(
                all.into_iter().enumerate().all(|(at, (index, square))| {
                    at == index && square.is_ok_and(|square| square as usize == at * at)
                })
            );
        });
    });
}

#[test]
fn a_task_is_woken_for_the_first_call_of_an_ordered_window() {
    let ((mut promises, values), (counted, waker)) = (promises(3), CountedWaker::new());
    let (old, before) = CountedWaker::new();
    let mut stream = values.into_iter().buffered(2).into_stream();
    assert_eq!(stream.size_hint(), (3, Some(3)));
    assert!(poll(&mut stream, &before).is_pending());
    assert!(poll(&mut stream, &waker).is_pending());
    promises[1].take().expect("unset").set(1);
    assert_eq!(counted.wakes(), 0);
    promises[0].take().expect("unset").set(0);
    assert_eq!((old.wakes(), counted.wakes()), (0, 1));
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(0)));
    assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
    assert!(poll(&mut stream, &waker).is_pending());
    drop(promises);
}

#[test]
fn a_task_is_woken_once_for_any_call_of_an_unordered_window_or_a_list() {
    fn check(mut stream: impl Stream<Item = usize> + Unpin, mut promises: Vec<Option<Promise<usize>>>) {
        let ((old, before), (new, waker)) = (CountedWaker::new(), CountedWaker::new());
        assert!(poll(&mut stream, &before).is_pending());
        // Of two polls the last one counts.
        assert!(poll(&mut stream, &waker).is_pending());
        promises[2].take().expect("unset").set(2);
        promises[0].take().expect("unset").set(0);
        assert_eq!((old.wakes(), new.wakes()), (0, 1));
        assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(2)));
        assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(0)));
        assert!(poll(&mut stream, &waker).is_pending());
        promises[1].take().expect("unset").set(1);
        assert_eq!(poll(&mut stream, &waker), Poll::Ready(Some(1)));
        assert_eq!(poll(&mut stream, &waker), Poll::Ready(None));
    }
    let (unset, values) = promises(3);
    check(values.into_iter().buffer_unordered(3).into_stream(), unset);
    let (unset, values) = promises(3);
    let calls = AsyncList::from(values).as_completed().into_stream();
    check(calls.map(|(_, outcome)| outcome.expect("it is set")), unset);
}

#[test]
fn a_dropped_stream_leaves_no_waker_behind() {
    fn check(stream: impl Stream<Item = usize> + Unpin) {
        let (counted, waker) = CountedWaker::new();
        let mut stream = stream;
        assert!(poll(&mut stream, &waker).is_pending());
        drop((stream, waker));
        assert_eq!(Arc::strong_count(&counted), 1, "a call keeps the waker");
    }
    let (_unset, values) = promises(3);
    check(values.into_iter().buffered(2).into_stream());
    let (_unset, values) = promises(3);
    check(values.into_iter().buffer_unordered(2).into_stream());
    let (_unset, values) = promises(3);
    check(AsyncList::from(values).as_completed().into_stream().map(|(index, _)| index));
}

#[test]
fn a_lost_call_panics_and_the_stream_goes_on() {
    watched(|| {
        let pool = Pool::new(1);
        let calls = || (0..3).map(|n| pool.spawn(move || assert_ne!(n, 1, "one is lost")));
        let mut stream = calls().buffered(2).into_stream();
        block_on(async {
            assert_eq!(stream.next().await, Some(()));
            assert!(futures::FutureExt::catch_unwind(AssertUnwindSafe(stream.next())).await.is_err());
            assert_eq!(stream.next().await, Some(()));
            assert_eq!(stream.next().await, None);
            let outcomes: Vec<_> = calls().buffer_unordered(2).outcomes().into_stream().collect().await;
            assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(TaskError::Panicked(_)))).count(), 1);
        });
    });
}

#[test]
fn a_waker_may_wait_for_what_ends_at_the_same_time() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let shared = value.shared();
        let (list, other) = (AsyncList::from([shared.map(|n: &u32| *n)]), shared.map(|n| n + 1));
        let mut stream = list.as_completed().into_stream();
        let waker = Wakes::waker(move || assert_eq!(other.get(), 6));
        assert!(poll(&mut stream, &waker).is_pending());
        promise.set(5);
        assert!(matches!(block_on(stream.next()), Some((0, Ok(5)))));
    });
}

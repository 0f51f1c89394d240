//! Values and lists in the hands of an executor.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::parallel;
use futures::executor::block_on;

use crate::helpers::CountedWaker;
use crate::helpers::watched;

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn awaited_one_after_another() {
    #[parallel]
    fn double(n: u32) -> u32 {
        n * 2
    }
    watched(|| {
        let sum = block_on(async {
            let (a, b) = (double(1), double(double(2)));
            a.await + b.await
        });
        assert_eq!(sum, 10);
    });
}

#[test]
fn a_list_is_awaited_in_call_order() {
    watched(|| {
        let pool = Pool::new(3);
        assert_eq!(block_on(pool.map(0..100, |n| n)), (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_list_is_pending_until_the_last() {
    watched(|| {
        let (promises, mut list): (Vec<_>, AsyncList<_>) = (0..4).map(|_| AsyncValue::promise()).unzip();
        let (counted, waker) = CountedWaker::new();
        for (n, promise) in promises.into_iter().enumerate().rev() {
            assert!(poll(&mut list, &waker).is_pending());
            promise.set(n);
        }
        assert!(counted.wakes() >= 1, "nobody woke the task");
        assert_eq!(poll(&mut list, &waker), Poll::Ready(vec![0, 1, 2, 3]));
        drop(list);
        assert_eq!(Arc::strong_count(&counted), 2, "a waker is kept");
    });
}

/// The task may have moved since: the waker of the last poll is the one that counts, whichever call ends next.
#[test]
fn a_list_polled_with_another_waker() {
    watched(|| {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let (promises, mut list): (Vec<_>, AsyncList<_>) = (0..3).map(|_| AsyncValue::promise()).unzip();
            let mut promises: Vec<_> = promises.into_iter().map(Some).collect();
            let (first, first_waker) = CountedWaker::new();
            assert!(poll(&mut list, &first_waker).is_pending());
            let (counted, waker) = CountedWaker::new();
            assert!(poll(&mut list, &waker).is_pending());
            let mut polls = 0;
            for index in order {
                let before = counted.wakes();
                promises[index].take().expect("each once").set(index);
                // An executor polls when it was woken, and not otherwise.
                if counted.wakes() > before {
                    polls += 1;
                    if poll(&mut list, &waker).is_ready() {
                        polls = 100;
                    }
                }
            }
            assert_eq!((polls, first.wakes()), (100, 0), "{order:?}");
        }
    });
}

#[test]
fn a_list_with_losses_panics_with_the_first_in_call_order() {
    watched(|| {
        let pool = Pool::new(1);
        let pending = AsyncValue::promise();
        let list = AsyncList::from(vec![
            AsyncValue::ready(1),
            pool.spawn(|| panic!("the first")),
            pool.spawn(|| panic!("the second")),
            pending.1,
        ]);
        let payload = catch_unwind(AssertUnwindSafe(|| block_on(list))).expect_err("two calls panicked");
        assert_eq!(payload.downcast_ref(), Some(&"the first"));
        drop(pending.0);
    });
}

/// A task that polls itself where it is woken, as simple executors do: no lock may be held there.
struct Inline {
    value: Mutex<Option<AsyncValue<u32>>>,
    result: mpsc::Sender<u32>,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut value = self.value.lock().expect("nobody panics with it");
        let Some(pending) = &mut *value else { return };
        if let Poll::Ready(result) = poll(pending, &waker) {
            *value = None;
            self.result.send(result).expect("the test waits");
        }
    }
}

#[test]
fn a_waker_may_poll() {
    watched(|| {
        let pool = Pool::new(1);
        for _ in 0..200 {
            let (result, results) = mpsc::channel();
            Arc::new(Inline { value: Mutex::new(Some(pool.spawn(|| 5))), result }).wake();
            assert_eq!(results.recv(), Ok(5));
        }
    });
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

#[test]
fn a_waker_that_panics_harms_nobody() {
    watched(|| {
        let (promise, mut value) = AsyncValue::promise();
        assert!(poll(&mut value, &Waker::from(Arc::new(Panicking))).is_pending());
        let pool = Pool::new(1);
        pool.spawn(move || promise.set(5)).wait();
        assert_eq!(value.try_get().ok(), Some(5));
        assert_eq!(pool.spawn(|| 6).get(), 6);
        assert_eq!(pool.stats().panicked, 0, "the panic is the waker's, not the call's");
    });
}

/// A waker that, as it is dropped, runs what it likes.
struct Dropped(Pool);

impl Wake for Dropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Dropped {
    fn drop(&mut self) {
        assert_eq!(self.0.spawn(|| 1).get(), 1);
    }
}

#[test]
fn a_waker_may_do_anything_when_it_is_dropped() {
    watched(|| {
        let (promise, mut value) = AsyncValue::promise();
        for _ in 0..3 {
            assert!(poll(&mut value, &Waker::from(Arc::new(Dropped(Pool::new(1))))).is_pending());
        }
        promise.set(5);
        assert_eq!(value.get(), 5);
    });
}

/// Handles are futures that may be moved, pinned, boxed and selected.
#[test]
fn one_of_several_futures() {
    watched(|| {
        let (promise, slow) = AsyncValue::promise();
        let (quick_promise, quick) = AsyncValue::promise();
        quick_promise.set("quick");
        let winner = block_on(async {
            let (mut slow, mut quick) = (pin!(slow), pin!(quick));
            std::future::poll_fn(|context| match slow.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => quick.as_mut().poll(context),
            })
            .await
        });
        assert_eq!(winner, "quick");
        promise.set("slow");
        let boxed: Pin<Box<dyn Future<Output = u8> + Send + Sync>> = Box::pin(AsyncValue::ready(5));
        assert_eq!(block_on(boxed), 5);
    });
}

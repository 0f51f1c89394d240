//! Ends that compose: by reference, as values, through handles of handles; and sets that grow while they are read.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::TimedOut;
use asynctools::pooled;

use crate::helpers::DropCounter;
use crate::helpers::Gate;
use crate::helpers::watched;

static POOL: Pool = Pool::new(2);

fn boom() -> AsyncValue<u8> {
    POOL.spawn(|| panic_any("boom"))
}

fn names(error: &TaskError) -> Vec<&'static str> {
    error.path().map(|site| site.function()).collect()
}

#[test]
fn cancel_leaves_the_handle() {
    watched(|| {
        let pool = Pool::new(0);
        let call = pool.spawn(|| 5);
        assert!(call.cancel() && !call.cancel());
        assert!(matches!(call.outcome(), Err(TaskError::Cancelled)));

        let gate = Gate::new();
        let opened = gate.clone();
        let running = POOL.spawn(move || {
            opened.pass();
            7
        });
        gate.wait_for(1);
        assert!(!running.cancel(), "it runs already");
        gate.open();
        assert_eq!(running.get(), 7);

        let list = AsyncList::from([AsyncValue::ready(1), pool.spawn(|| 2), pool.spawn(|| 3)]);
        assert_eq!((list.cancel(), list.cancel()), (2, 0));
        let outcomes = list.outcomes();
        assert!(outcomes[0].is_ok() && outcomes[1..].iter().all(Result::is_err));

        let mut calls = AsyncList::from([AsyncValue::ready(1), pool.spawn(|| 2)]).as_completed();
        assert_eq!(calls.cancel(), 1);
        assert!(matches!(calls.next(), Some((0, Ok(1)))));
        assert!(matches!(calls.next(), Some((1, Err(TaskError::Cancelled)))));
        assert!(calls.next().is_none());
    });
}

#[pooled(pool = POOL)]
fn is_lost(outcome: Result<u8, TaskError>) -> bool {
    outcome.is_err()
}

#[pooled(pool = POOL)]
fn losses(outcomes: &[Result<u8, TaskError>]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_err()).count()
}

#[test]
fn catch_makes_a_value_of_any_end() {
    watched(|| {
        assert!(matches!(AsyncValue::ready(5).catch().get(), Ok(5)));
        let error = boom().catch().get().unwrap_err();
        assert!(error.is_panic() && names(&error) == ["spawn"], "the path does not go through `catch`");
        assert!(is_lost(boom().catch()).get());
        assert!(!is_lost(AsyncValue::ready(5).catch()).get());
        let list = || AsyncList::from([AsyncValue::ready(1), boom(), boom()]);
        assert_eq!(losses(list().catch()).get(), 2);
        assert_eq!(list().catch().get().iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(matches!(futures::executor::block_on(boom().catch()), Err(TaskError::Panicked(_))));

        // It can be cancelled itself, which leaves the call alone.
        let (promise, value) = AsyncValue::promise();
        let caught = value.catch();
        assert!(caught.cancel());
        assert!(matches!(caught.outcome(), Err(TaskError::Cancelled)));
        promise.set(5_u8);
    });
}

#[test]
fn then_gets_the_outcome() {
    watched(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let count = |call: AsyncValue<u8>| {
            let ran = ran.clone();
            call.then(move |outcome| {
                ran.fetch_add(1, Ordering::SeqCst);
                (thread::current().name().map(String::from), outcome.ok())
            })
        };
        let pool = Pool::builder().workers(1).name("then").build().unwrap();
        let (name, value) = count(pool.spawn(|| 5)).get();
        assert!(name.unwrap().starts_with("then-") && value == Some(5), "runs on the pool of the call");
        assert_eq!(count(boom()).get().1, None);
        let (promise, value) = AsyncValue::promise();
        let then = count(value);
        drop(promise);
        assert_eq!(then.get().1, None);
        assert_eq!(ran.load(Ordering::SeqCst), 3);
        assert_eq!(
            names(&boom().then(|_| panic_any("again")).map(|(): ()| ()).outcome().unwrap_err()),
            ["map", "then"]
        );
    });
}

#[test]
fn or_else_gets_the_error() {
    watched(|| {
        let call = |result: Result<u8, &'static str>| AsyncValue::ready(result);
        assert_eq!(call(Ok(1)).or_else(|_| -> Result<u8, u8> { unreachable!("it is `Ok`") }).get(), Ok(1));
        assert_eq!(call(Err("down")).or_else(|error| Ok::<_, u8>(error.starts_with('d').into())).get(), Ok(1));
        assert_eq!(call(Err("down")).or_else(|error| Err(error.len())).get(), Err(4));
        let lost = boom().map(Ok::<u8, u8>).or_else(|_| -> Result<u8, u8> { unreachable!("it is lost") });
        assert!(lost.outcome().unwrap_err().is_panic());
    });
}

#[pooled(pool = POOL)]
fn outer(inner: fn() -> AsyncValue<u8>) -> AsyncValue<u8> {
    inner()
}

#[pooled(pool = POOL)]
fn inner() -> u8 {
    panic_any("inner")
}

#[test]
fn flatten_ends_as_the_inner_call() {
    watched(|| {
        assert_eq!(outer(|| POOL.spawn(|| 5)).flatten().get(), 5);
        assert_eq!(AsyncValue::ready(AsyncValue::ready(5)).flatten().get(), 5);
        // Of a loss inside, the path is `outer <- inner`; a loss outside is passed on.
        let error = outer(inner).flatten().outcome().unwrap_err();
        let (path, own) = (names(&error), module_path!());
        assert_eq!(path, [format!("{own}::outer"), format!("{own}::inner")]);
        assert!(error.is_panic());
        let error = outer(|| panic_any("outer")).flatten().outcome().unwrap_err();
        assert!(matches!(error, TaskError::Panicked(_)) && names(&error) == [format!("{own}::outer")]);
    });
}

#[test]
fn flatten_waits_for_both_calls_in_any_order() {
    watched(|| {
        // The inner call may have ended before the outer one, and the other way round.
        let (outer, call) = AsyncValue::promise();
        let (inner, value) = AsyncValue::promise();
        let flat = call.flatten();
        inner.set(5);
        assert!(!flat.is_finished());
        outer.set(value);
        assert_eq!(flat.get(), 5);

        let (outer, call) = AsyncValue::promise();
        let (inner, value) = AsyncValue::promise();
        let flat = call.flatten();
        outer.set(value);
        assert!(!flat.is_finished());
        inner.set(6);
        assert_eq!(flat.get(), 6);

        for _ in 0..200 {
            let (outer, call) = AsyncValue::promise();
            let (inner, value) = AsyncValue::promise();
            let start = Arc::new(Barrier::new(3));
            let (first, second) = (start.clone(), start.clone());
            let threads = [
                thread::spawn(move || {
                    first.wait();
                    outer.set(value);
                }),
                thread::spawn(move || {
                    second.wait();
                    inner.set(7);
                }),
            ];
            start.wait();
            let flat = call.flatten();
            assert_eq!(flat.get(), 7);
            for thread in threads {
                thread.join().unwrap();
            }
        }
    });
}

#[test]
fn flatten_is_cancelled_and_dropped_as_other_calls_are() {
    watched(|| {
        let drops = DropCounter::new();
        let (outer, call) = AsyncValue::promise();
        let (inner, value) = AsyncValue::promise();
        let flat = call.flatten();
        outer.set(value);
        assert!(flat.cancel());
        assert!(matches!(flat.outcome(), Err(TaskError::Cancelled)));
        assert!(!inner.is_wanted());
        inner.set(drops.token());
        assert_eq!(drops.count(), 1);

        let (outer, call) = AsyncValue::promise();
        let (inner, value) = AsyncValue::promise();
        drop(call.flatten());
        outer.set(value);
        inner.set(drops.token());
        assert_eq!(drops.count(), 2);
    });
}

/// The waiter learns what it needs only when the outer call has ended; a call that it does not need stays in the queue.
#[test]
fn flatten_inside_a_call() {
    watched(|| {
        fn count(pool: &Arc<Pool>, n: u32) -> AsyncValue<u32> {
            let own = pool.clone();
            pool.spawn(move || if n == 0 { AsyncValue::ready(0) } else { count(&own, n - 1).map(|n| n + 1) }).flatten()
        }
        let pool = Arc::new(Pool::builder().workers(1).max_blocked(0).build().unwrap());
        let (gate, own) = (Gate::new(), pool.clone());
        let opened = gate.clone();
        let call = pool.spawn(move || {
            let seen = opened.clone();
            let unrelated = own.spawn(move || opened.pass());
            (count(&own, 500).get(), seen.arrived(), unrelated)
        });
        let (n, begun, unrelated) = call.get();
        assert_eq!((n, begun), (500, 0), "a call began that nothing needs");
        gate.open();
        unrelated.get();
    });
}

#[test]
fn flatten_needs_no_stack() {
    watched(|| {
        let (promise, mut value) = AsyncValue::promise();
        for _ in 0..100_000 {
            value = value.map(AsyncValue::ready).flatten();
        }
        promise.set(5);
        assert_eq!(value.get(), 5);
    });
}

fn down(n: u8) -> AsyncValue<Result<u8, String>> {
    POOL.spawn(move || if n.is_multiple_of(2) { Ok(n) } else { Err(n.to_string()) })
}

#[test]
fn results_stand_in_call_order() {
    watched(|| {
        let lost = || AsyncList::from([down(0), boom().map(Ok), down(1)]);
        let results = lost().results();
        assert!(matches!(&results[0], Ok(0)));
        assert!(matches!(&results[1], Err(CallError::Lost(error)) if error.is_panic()));
        assert!(matches!(&results[2], Err(CallError::Failed(text)) if text == "1"));
        let mut results: Vec<_> = lost().as_completed().results().collect();
        results.sort_by_key(|(index, _)| *index);
        assert!(matches!(&results[0], (0, Ok(0))) && matches!(&results[2], (2, Err(CallError::Failed(_)))));
        assert!(matches!(&results[1], (1, Err(CallError::Lost(_)))));
    });
}

#[test]
fn all_ok_ends_with_the_first_failure_in_time() {
    watched(|| {
        assert_eq!(AsyncList::from([down(2), down(4), down(0)]).all_ok().unwrap(), [2, 4, 0]);
        assert_eq!(AsyncList::<Result<u8, ()>>::new().all_ok().unwrap(), Vec::<u8>::new());
        let pool = Pool::new(0);
        let (slow, first) = AsyncValue::promise();
        let list = AsyncList::from([first, pool.spawn(|| Ok(1)), down(3), pool.spawn(|| Ok(2))]);
        assert!(matches!(list.all_ok(), Err(CallError::Failed(text)) if text == "3"));
        assert_eq!(pool.stats().cancelled, 2, "what has not started is cancelled");
        assert!(!slow.is_wanted());
        slow.set(Ok(0));
        assert!(matches!(AsyncList::from([down(2), boom().map(Ok)]).all_ok(), Err(CallError::Lost(_))));
    });
}

#[test]
fn a_failure_can_be_any_error() {
    type AnyError = Box<dyn std::error::Error + Send + Sync>;
    let failed: CallError<AnyError> = CallError::Failed("down".into());
    assert_eq!(failed.into_error().to_string(), "down");
    let lost: CallError<AnyError> = TaskError::Cancelled.into();
    assert_eq!(lost.into_error().to_string(), "cancelled");
}

#[test]
fn a_set_grows_while_it_is_read() {
    watched(|| {
        let mut calls = AsyncList::from([AsyncValue::ready("a"), AsyncValue::ready("b")]).as_completed();
        let (promise, slow) = AsyncValue::promise();
        calls.push(slow);
        calls.extend([AsyncValue::ready("d"), AsyncValue::ready("e")]);
        assert_eq!((calls.len(), calls.size_hint()), (5, (5, Some(5))));
        let indexes: Vec<_> = calls.by_ref().take(4).map(|(index, _)| index).collect();
        assert_eq!(indexes, [0, 1, 3, 4]);
        promise.set("c");
        assert!(matches!(calls.next(), Some((2, Ok("c")))));
        assert!(calls.next().is_none() && calls.next().is_none());
        // It goes on, and the index counts pushes, although the slots are used again.
        calls.push(AsyncValue::ready("f"));
        assert!(matches!(calls.next(), Some((5, Ok("f")))));
        assert!(calls.next().is_none());
    });
}

#[test]
fn the_rest_of_a_set_stands_in_call_order() {
    watched(|| {
        let (promises, values): (Vec<_>, AsyncList<_>) = (0..5).map(|_| AsyncValue::promise()).unzip();
        let mut calls = values.as_completed();
        let mut promises = promises.into_iter();
        promises.next().unwrap().set(0);
        assert!(matches!(calls.next(), Some((0, Ok(0)))));
        // In the slot of the first.
        calls.push(AsyncValue::ready(5));
        let list = calls.into_list();
        assert_eq!(list.len(), 5);
        promises.zip(1..).for_each(|(promise, n)| promise.set(n));
        assert_eq!(list.get(), [1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_set_times_out_and_goes_on() {
    watched(|| {
        let mut calls = AsyncList::<u8>::new().as_completed();
        assert!(matches!(calls.next_timeout(Duration::ZERO), Ok(None)));
        let (promise, value) = AsyncValue::promise();
        calls.push(value);
        assert_eq!(calls.next_timeout(Duration::ZERO).unwrap_err(), TimedOut);
        assert_eq!(calls.next_timeout(Duration::from_millis(1)).unwrap_err(), TimedOut);
        assert_eq!(calls.len(), 1);
        let setter = thread::spawn(move || promise.set(5));
        assert!(matches!(calls.next_timeout(Duration::MAX), Ok(Some((0, Ok(5))))));
        assert!(matches!(calls.next_timeout(Duration::MAX), Ok(None)));
        setter.join().unwrap();
    });
}

/// A crawler on the one worker of the pool that it waits for: what it found, it pushes.
#[test]
fn a_set_grows_inside_a_call() {
    watched(|| {
        static ONE: Pool = Pool::new(1);
        #[pooled(pool = ONE)]
        fn links(page: usize) -> Vec<usize> {
            [2 * page, 2 * page + 1].into_iter().filter(|page| *page < 1024).collect()
        }
        let crawl = || {
            let mut pages = AsyncList::from([links(1)]).as_completed();
            let mut seen = 0;
            while let Some((_, found)) = pages.next() {
                seen += 1;
                pages.extend(found.unwrap().into_iter().map(|page| links(AsyncValue::ready(page).map(|page| page))));
            }
            seen
        };
        assert_eq!(ONE.spawn(crawl).get(), 1023);
        assert_eq!(crawl(), 1023);
    });
}

#[test]
fn waits_for_a_list_give_it_back() {
    watched(|| {
        let (promise, value) = AsyncValue::promise();
        let list = AsyncList::from([AsyncValue::ready(Ok(1)), value]);
        let list = list.try_get().unwrap_err();
        let list = list.outcomes_timeout(Duration::ZERO).unwrap_err();
        let list = list.join_timeout(Duration::from_millis(1)).unwrap_err();
        promise.set(Err("down"));
        let (numbers, errors) = list.join_timeout(Duration::MAX).unwrap();
        assert!(numbers == [1] && matches!(errors[..], [CallError::Failed("down")]));
        let list = AsyncList::from([boom(), AsyncValue::ready(1)]);
        list.wait();
        assert_eq!(list.outcomes_timeout(Duration::ZERO).unwrap().iter().filter(|end| end.is_err()).count(), 1);
        assert_eq!(AsyncList::from([1, 2].map(AsyncValue::ready)).try_get().unwrap(), [1, 2]);
    });
}

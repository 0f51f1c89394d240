//! Windows over iterators of calls: how many calls are made, in which order they come back, and what ends them.

use std::cell::Cell;
use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::panic_any;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::AsyncValue;
use asynctools::CallError;
use asynctools::Calls as _;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::helpers::Gate;
use crate::helpers::watched;
use crate::process::alone;
#[cfg(target_os = "linux")]
use crate::process::status;

static POOL: Pool = Pool::new(2);

#[pooled(pool = POOL)]
fn double(n: u64) -> u64 {
    2 * n
}

/// Counts the calls that a source makes, and looks at each how many are open.
#[derive(Default)]
struct Count {
    made: Cell<usize>,
    returned: Cell<usize>,
    most: Cell<usize>,
}

impl Count {
    fn source(&self, limit: usize) -> impl Iterator<Item = AsyncValue<u64>> {
        (0..).map(move |n| {
            let open = self.made.get() + 1 - self.returned.get();
            assert!(open <= limit, "{open} calls made and not returned");
            self.most.set(self.most.get().max(open));
            self.made.set(self.made.get() + 1);
            double(n)
        })
    }

    fn returns<T>(&self, value: T) -> T {
        self.returned.set(self.returned.get() + 1);
        value
    }
}

#[test]
fn at_most_n_calls_are_made_and_not_returned() {
    watched(|| {
        for n in [1, 2, 8] {
            let count = Count::default();
            let mut calls = count.source(n).buffered(n);
            let mut next = || calls.next().map(|value| count.returns(value));
            assert_eq!(count.made.get(), 0, "a call was made before the first `next`");
            let values: Vec<_> = std::iter::from_fn(&mut next).take(500).collect();
            assert_eq!(values, (0..500).map(|n| 2 * n).collect::<Vec<_>>());
            assert_eq!((count.most.get(), count.made.get()), (n, 499 + n));

            let count = Count::default();
            let mut calls = count.source(n).buffer_unordered(n);
            let mut next = || calls.next().map(|value| count.returns(value));
            assert_eq!(count.made.get(), 0, "a call was made before the first `next`");
            let values: Vec<_> = std::iter::from_fn(&mut next).take(500).collect();
            assert_eq!((values.len(), count.most.get(), count.made.get()), (500, n, 499 + n));
        }
    });
}

#[test]
fn results_come_in_call_order_or_as_they_end() {
    watched(|| {
        let promises = || -> (Vec<_>, Vec<_>) { (0..4).map(|_| AsyncValue::promise()).unzip() };
        let (to_set, values) = promises();
        let mut calls = values.into_iter().buffered(4);
        let mut set = to_set.into_iter().enumerate().rev();
        set.by_ref().take(3).for_each(|(n, promise)| promise.set(n));
        let rest = set.next().expect("the first");
        let setter = std::thread::spawn(move || rest.1.set(rest.0));
        assert_eq!(calls.by_ref().collect::<Vec<_>>(), [0, 1, 2, 3]);
        setter.join().unwrap();

        let (to_set, values) = promises();
        let mut calls = ["a", "b", "c", "d"].into_iter().zip(values).buffer_unordered(3);
        let mut to_set = to_set.into_iter();
        let (a, b, c, d) =
            (to_set.next().unwrap(), to_set.next().unwrap(), to_set.next().unwrap(), to_set.next().unwrap());
        // Outside of the window: its call is made when there is room.
        d.set(4);
        c.set(3);
        assert_eq!(calls.next(), Some(("c", 3)));
        assert_eq!(calls.next(), Some(("d", 4)));
        a.set(1);
        b.set(2);
        assert_eq!(calls.by_ref().collect::<Vec<_>>(), [("a", 1), ("b", 2)]);
        assert_eq!(calls.next(), None);
    });
}

fn unlucky(n: u8) -> AsyncValue<u8> {
    POOL.spawn(move || if n == 2 { panic_any("two") } else { n })
}

/// What each `next` gave or threw.
fn caught<I: Iterator>(mut calls: I) -> Vec<Result<I::Item, &'static str>> {
    let mut next = || catch_unwind(AssertUnwindSafe(|| calls.next()));
    std::iter::from_fn(|| next().map_err(|payload| *payload.downcast_ref::<&str>().unwrap()).transpose()).collect()
}

#[test]
fn a_lost_call_panics_as_get_does_and_the_next_one_comes_next() {
    watched(|| {
        let all = [Ok(0), Ok(1), Err("two"), Ok(3), Ok(4)];
        assert_eq!(caught((0..5).map(unlucky).buffered(2)), all);
        let mut unordered = caught((0..5).map(unlucky).buffer_unordered(2));
        unordered.sort_unstable_by_key(|result| result.unwrap_or(2));
        assert_eq!(unordered, all);
        // Keys go with the results.
        assert_eq!(caught((0..3).map(|n| (n, unlucky(n))).buffered(3)), [Ok((0, 0)), Ok((1, 1)), Err("two")]);
    });
}

#[test]
fn outcomes_are_values() {
    watched(|| {
        let text = |outcome: Result<u8, TaskError>| outcome.map_err(|error| error.is_panic());
        let all = [Ok(0), Ok(1), Err(true), Ok(3)];
        assert_eq!((0..4).map(unlucky).buffered(2).outcomes().map(text).collect::<Vec<_>>(), all);
        for (n, outcome) in (0..4_usize).zip((0..4).map(unlucky)).buffer_unordered(3).outcomes() {
            assert_eq!(text(outcome), all[n]);
        }
        let mut enumerated = (0..4).map(unlucky).enumerate().buffered(9).outcomes();
        assert_eq!(enumerated.size_hint(), (4, Some(4)));
        assert_eq!(enumerated.next().map(|(at, outcome)| (at, outcome.ok())), Some((0, Some(0))));
        assert_eq!(enumerated.size_hint(), (3, Some(3)));
    });
}

#[test]
fn a_panic_of_the_source_passes_through_and_what_was_made_stays() {
    watched(|| {
        let source = || (0..6).map(|n| if n == 3 { panic_any("source") } else { AsyncValue::ready(n) });
        let in_order = caught(source().buffered(2));
        assert_eq!(in_order, [Ok(0), Ok(1), Err("source"), Ok(2), Ok(4), Ok(5)]);
        assert_eq!(caught(source().buffer_unordered(2)), in_order);
        assert_eq!(caught(source().buffered(4)), [Err("source"), Ok(0), Ok(1), Ok(2), Ok(4), Ok(5)]);
    });
}

#[test]
fn the_source_is_not_asked_after_its_end() {
    watched(|| {
        let asked = Cell::new(0);
        let source = || {
            asked.set(0);
            std::iter::from_fn(|| {
                asked.set(asked.get() + 1);
                (asked.get() <= 2).then(|| AsyncValue::ready(asked.get()))
            })
        };
        let mut calls = source().buffered(5);
        assert_eq!((calls.next(), calls.next(), calls.next(), calls.next()), (Some(1), Some(2), None, None));
        assert_eq!((asked.get(), calls.size_hint()), (3, (0, Some(0))));
        let mut calls = source().buffer_unordered(5);
        assert_eq!((calls.next(), calls.next(), calls.next(), calls.next()), (Some(1), Some(2), None, None));
        assert_eq!((asked.get(), calls.size_hint()), (3, (0, Some(0))));
    });
}

/// Says when it is dropped.
struct Noted(usize, Arc<Mutex<Vec<usize>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn a_dropped_window_cancels_what_has_not_started_from_the_newest() {
    watched(|| {
        for ordered in [true, false] {
            let pool = Pool::new(1);
            let (gate, ran) = (Gate::new(), Arc::new(AtomicUsize::new(0)));
            let dropped = Arc::new(Mutex::new(Vec::new()));
            let call = |n| {
                let (gate, ran, noted) = (gate.clone(), ran.clone(), Noted(n, dropped.clone()));
                pool.spawn(move || {
                    gate.pass();
                    ran.fetch_add(1, Ordering::SeqCst);
                    drop(noted);
                })
            };
            // The first result is there at once, the second call runs, eight are queued.
            let source = std::iter::once_with(|| AsyncValue::ready(())).chain((1..).map(call));
            if ordered {
                let mut calls = source.buffered(10);
                calls.next();
                gate.wait_for(1);
                drop(calls);
            } else {
                let mut calls = source.buffer_unordered(10);
                calls.next();
                gate.wait_for(1);
                drop(calls);
            }
            assert_eq!(*dropped.lock().unwrap(), [9, 8, 7, 6, 5, 4, 3, 2]);
            gate.open();
            pool.close();
            assert_eq!((ran.load(Ordering::SeqCst), pool.stats().cancelled), (1, 8));
        }
    });
}

#[test]
fn results_of_fallible_calls_are_values_or_failures() {
    watched(|| {
        let call = |n: u8| {
            POOL.spawn(move || match n {
                1 => Err("one"),
                2 => panic_any("two"),
                _ => Ok(n),
            })
        };
        let seen = |result: Result<u8, CallError<&str>>| match result {
            Ok(n) => n.to_string(),
            Err(CallError::Failed(error)) => error.to_owned(),
            Err(CallError::Lost(error)) => format!("lost, panicked: {}", error.is_panic()),
        };
        let ends = ["0", "one", "lost, panicked: true", "3", "4"];
        let mut calls = (0..5).map(call).buffered(2).results();
        assert_eq!(calls.size_hint(), (5, Some(5)));
        assert_eq!(calls.next().map(seen).as_deref(), Some("0"));
        assert_eq!(calls.size_hint(), (4, Some(4)));
        assert_eq!(calls.by_ref().map(seen).collect::<Vec<_>>(), ends[1..]);
        assert!(calls.next().is_none());

        // With any key; the order is that of the ends.
        let keyed = |n| (Rc::new(usize::from(n)), call(n));
        for results in [
            (0..5).map(keyed).buffered(3).results().collect::<Vec<(Rc<usize>, _)>>(),
            (0..5).map(keyed).buffer_unordered(3).results().collect(),
        ] {
            let mut keys: Vec<usize> = results.iter().map(|(key, _)| **key).collect();
            keys.sort_unstable();
            assert_eq!(keys, [0, 1, 2, 3, 4]);
            for (key, result) in results {
                assert_eq!(seen(result), ends[*key]);
            }
        }

        // Dropping the results drops the window, which cancels.
        let paused = Pool::new(0);
        let first = || std::iter::once_with(|| AsyncValue::ready(Ok::<_, &str>(7)));
        let source = || first().chain((0..).map(|n| paused.spawn(move || Ok(n))));
        assert_eq!(source().buffered(4).results().find_map(Result::ok), Some(7));
        assert_eq!(source().buffer_unordered(4).results().find_map(Result::ok), Some(7));
        assert_eq!(paused.stats().cancelled, 6);
    });
}

#[test]
fn cancel_says_how_many_calls_never_ran() {
    watched(|| {
        let pool = Pool::new(0);
        let source = || std::iter::once_with(|| AsyncValue::ready(7)).chain((0..).map(|n| pool.spawn(move || n)));
        let mut calls = source().buffered(5);
        assert_eq!(calls.next(), Some(7));
        assert_eq!(calls.cancel(), 4);
        let mut calls = source().buffer_unordered(5);
        assert_eq!(calls.next(), Some(7));
        assert_eq!(calls.cancel(), 4);
        assert_eq!(source().buffered(5).cancel(), 0, "no call is made before the first `next`");
        assert_eq!((pool.stats().cancelled, pool.stats().queued), (8, 0));
    });
}

#[test]
fn on_a_closed_pool_an_endless_source_goes_on() {
    watched(|| {
        let pool = Pool::new(1);
        pool.close();
        let calls = || (0..).map(|n| pool.spawn(move || n));
        let closed = |outcome: Result<i32, TaskError>| matches!(outcome, Err(TaskError::Closed));
        assert!(calls().buffered(3).outcomes().take(100).all(closed));
        assert!(calls().buffer_unordered(3).outcomes().take(100).all(closed));
    });
}

#[test]
fn a_source_may_borrow_and_its_keys_stay_on_the_thread() {
    watched(|| {
        let texts = [Rc::from("a"), Rc::<str>::from("bc")];
        let seen = RefCell::new(Vec::new());
        let calls = texts.iter().map(|text| (text.clone(), double(text.len() as u64)));
        for (text, length) in calls.inspect(|(text, _)| seen.borrow_mut().push(text.clone())).buffer_unordered(1) {
            assert_eq!(2 * text.len() as u64, length);
        }
        assert_eq!(*seen.borrow(), texts);
        assert_eq!(Rc::strong_count(&texts[0]), 2);
    });
}

#[test]
fn a_window_without_bound_reserves_nothing() {
    watched(|| {
        assert_eq!((0..100).map(double).buffered(usize::MAX).sum::<u64>(), 9900);
        assert_eq!((0..100).map(double).buffer_unordered(usize::MAX).sum::<u64>(), 9900);
    });
}

/// Of calls that were returned nothing is kept, however many there were.
#[cfg(target_os = "linux")]
#[test]
fn a_window_keeps_no_more_than_its_calls() {
    alone(|| {
        let calls = || (0..400_000_u64).map(AsyncValue::ready);
        let sum = |most: &mut usize, n: u64| {
            *most = (*most).max(status("RssAnon"));
            n
        };
        let resident = status("RssAnon");
        let mut most = 0;
        let in_order: u64 = calls().buffered(64).map(|n| if n % 50_000 == 0 { sum(&mut most, n) } else { n }).sum();
        let calls = calls().map(|call| ([0_u8; 64], call)).buffer_unordered(64);
        let unordered: u64 = calls.map(|(_, n)| if n % 50_000 == 0 { sum(&mut most, n) } else { n }).sum();
        assert_eq!(in_order, unordered);
        // A slot each would take 40 MB.
        assert!(most < resident + 8_000, "{resident} kB before, and {most} kB at most");
    });
}

#[test]
fn a_window_of_0_is_refused_where_it_is_made() {
    alone(|| {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let noted = lines.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().expect("a panic has a place");
            noted.lock().unwrap().push((place.file().to_owned(), place.line()));
        }));
        let line = line!();
        let text = |f: fn()| *catch_unwind(f).unwrap_err().downcast_ref::<&str>().unwrap();
        assert_eq!(text(|| drop((0..3).map(double).buffered(0))), "a window of 0 calls never makes one");
        assert_eq!(text(|| drop((0..3).map(double).buffer_unordered(0))), "a window of 0 calls never makes one");
        drop(std::panic::take_hook());
        let here = |line| (file!().to_owned(), line);
        assert_eq!(*lines.lock().unwrap(), [here(line + 2), here(line + 3)]);
    });
}

/// On the one worker of the pool that they wait for.
#[test]
fn windows_inside_a_call() {
    watched(|| {
        static ONE: Pool = Pool::new(1);
        #[pooled(pool = ONE)]
        fn number(n: usize) -> usize {
            n
        }
        // With arguments that are to come, so that each call has needs of its own.
        let call = |n| number(number(n));
        let sum: usize = (0..1000).sum();
        assert_eq!(ONE.spawn(move || (0..1000).map(call).buffered(16).sum::<usize>()).get(), sum);
        let unordered = ONE.spawn(move || {
            let calls = (0..1000).map(|n| (n, call(n))).buffer_unordered(16);
            calls.map(|(key, n)| if key == n { n } else { unreachable!("{key} came with {n}") }).sum::<usize>()
        });
        assert_eq!(unordered.get(), sum);
    });
}

//! `?` on an edge: what a failed or lost argument does to the calls that need it, and to those that do not.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::ThreadId;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;

use crate::fates::Fate;
use crate::helpers::DropCounter;
use crate::helpers::Token;
use crate::helpers::watched;

static POOL: Pool = Pool::new(2);

/// Counts what runs: bodies, and `From`.
type Runs = Arc<AtomicUsize>;

fn note(runs: &Runs) {
    runs.fetch_add(1, Ordering::SeqCst);
}

fn count(runs: &Runs) -> usize {
    runs.load(Ordering::SeqCst)
}

#[derive(Clone, Debug)]
struct Low(Runs);
#[derive(Clone, PartialEq, Eq, Debug)]
struct High;

impl From<Low> for High {
    fn from(Low(runs): Low) -> Self {
        note(&runs);
        Self
    }
}

#[pooled(pool = POOL)]
fn convert(bodies: Runs, n: u64) -> Result<u64, High> {
    note(&bodies);
    Ok(n)
}

#[pooled(pool = POOL)]
fn add_one(bodies: Runs, n: u64) -> Result<u64, High> {
    note(&bodies);
    Ok(n + 1)
}

#[pooled(pool = POOL)]
fn add(bodies: Runs, a: u64, b: u64) -> Result<u64, High> {
    note(&bodies);
    Ok(a + b)
}

#[test]
fn an_err_crosses_many_edges_and_runs_nothing_but_from() {
    watched(|| {
        for sooner in [true, false] {
            let (bodies, froms) = (Runs::default(), Runs::default());
            let (promise, root) = AsyncValue::promise();
            let err = Err(Low(froms.clone()));
            let mut promise = Some(promise);
            if sooner && let Some(promise) = promise.take() {
                promise.set(err.clone());
            }
            let mut last = convert(bodies.clone(), root);
            for _ in 0..50 {
                last = add_one(bodies.clone(), last);
            }
            if let Some(promise) = promise.take() {
                assert_eq!(count(&froms), 0);
                promise.set(err);
            }
            assert!(last.is_finished(), "an error needs no worker to cross an edge");
            assert_eq!(last.get(), Err(High));
            assert_eq!((count(&bodies), count(&froms)), (0, 1));
        }
    });
}

#[test]
fn an_err_runs_each_from_of_each_branch() {
    watched(|| {
        let (bodies, froms) = (Runs::default(), Runs::default());
        let (promise, root) = AsyncValue::promise();
        let by_clone: AsyncList<_> = (0..5).map(|_| convert(bodies.clone(), &root)).collect();
        let root = root.shared();
        let by_share: AsyncList<_> = (0..5).map(|_| convert(bodies.clone(), &root)).collect();
        promise.set(Err(Low(froms.clone())));
        assert_eq!(by_clone.get(), vec![Err(High); 5]);
        assert_eq!(by_share.get(), vec![Err(High); 5]);
        assert_eq!((count(&bodies), count(&froms)), (0, 10));
    });
}

#[pooled(pool = POOL)]
fn hold(bodies: Runs, before: Token, n: u64, after: Token, shared: &Token, list: Vec<Token>) -> Result<u64, High> {
    note(&bodies);
    drop((before, after, shared, list));
    Ok(n)
}

#[test]
fn the_other_arguments_are_dropped_with_the_end() {
    watched(|| {
        for fate in [None].into_iter().chain(Fate::LOSSES.map(Some)) {
            let (bodies, drops) = (Runs::default(), DropCounter::new());
            let (n, end) = match fate {
                None => Fate::Value.call(Err(Low(Runs::default()))),
                Some(fate) => fate.call(Ok(1)),
            };
            let list: AsyncList<_> = (0..3).map(|_| AsyncValue::ready(drops.token())).collect();
            let after = POOL.spawn({
                let drops = drops.clone();
                move || drops.token()
            });
            after.wait();
            let call = hold(bodies.clone(), drops.token(), n, after, AsyncValue::ready(drops.token()).shared(), list);
            assert_eq!(drops.count(), 0);
            end.now();
            assert!(call.is_finished());
            assert_eq!((drops.count(), count(&bodies)), (6, 0), "{fate:?}");
            drop(call);
            assert_eq!(drops.count(), 6, "{fate:?}");
        }
    });
}

#[test]
fn branches_that_do_not_need_it_go_on() {
    watched(|| {
        for fate in Fate::LOSSES {
            let bodies = Runs::default();
            let (lost, end) = fate.call(1);
            let (promise, good) = AsyncValue::promise();
            let neither = add(bodies.clone(), &good, &lost);
            let left = add_one(bodies.clone(), &good);
            let right = add_one(bodies.clone(), &good);
            let bottom = add(bodies.clone(), &left, &right);
            end.now();
            promise.set(1);
            assert_eq!(bottom.get(), Ok(4));
            assert_eq!((left.get(), right.get()), (Ok(2), Ok(2)));
            let error = neither.outcome().unwrap_err();
            assert_eq!(Fate::of(&error), Some(fate));
            assert_eq!(count(&bodies), 3);
            assert!(lost.is_error() && !good.is_error());
        }
    });
}

#[pooled(pool = POOL)]
fn six(bodies: Runs, first: u8, second: u8, third: u8, fourth: u8, rest: Vec<u8>) -> Result<u8, &'static str> {
    note(&bodies);
    Ok(first + second + third + fourth + rest.iter().sum::<u8>())
}

/// How one of the arguments ends.
#[derive(Clone, Copy, Debug)]
enum Way {
    Good,
    Failed(&'static str),
    Lost,
}

#[test]
fn of_several_losses_the_first_in_parameter_order_counts_and_only_when_all_have_ended() {
    use Way::Failed;
    use Way::Good;
    use Way::Lost;
    let cases = [
        ([Good, Lost, Lost, Lost, Good, Good], Err(" (+2 others)")),
        ([Good, Lost, Good, Good, Failed("e0"), Good], Err(" (+1 other)")),
        ([Good, Good, Good, Lost, Good, Good], Err("")),
        ([Good, Failed("b"), Lost, Failed("d"), Good, Good], Ok("b")),
        ([Lost, Failed("b"), Lost, Failed("d"), Failed("e0"), Lost], Err(" (+5 others)")),
        ([Good, Good, Good, Good, Failed("e0"), Failed("e1")], Ok("e0")),
        ([Good, Good, Good, Good, Lost, Failed("e1")], Err(" (+1 other)")),
        ([Failed("a"), Failed("b"), Failed("c"), Failed("d"), Lost, Lost], Ok("a")),
    ];
    watched(move || {
        for (ways, expected) in cases {
            for first in 0..6 {
                let bodies = Runs::default();
                let (mut promises, mut calls): (Vec<_>, Vec<_>) = (0..6).map(|_| AsyncValue::promise()).unzip();
                let (e1, e0) = (calls.pop().unwrap(), calls.pop().unwrap());
                let [a, b, c, d] = <[AsyncValue<Result<u8, &str>>; 4]>::try_from(calls).unwrap();
                let call = six(bodies.clone(), a, &b, c.shared(), d, AsyncList::from(vec![e0, e1]));
                // The order of the ends is turned round from case to case: it does not count.
                promises.rotate_left(first);
                for (index, promise) in promises.into_iter().enumerate() {
                    assert!(!call.is_finished(), "{ways:?}: ended before its last argument");
                    match ways[(index + first) % 6] {
                        Good => promise.set(Ok(1)),
                        Failed(error) => promise.set(Err(error)),
                        Lost => drop(promise),
                    }
                }
                match (call.outcome(), expected) {
                    (Ok(Err(error)), Ok(expected)) => assert_eq!(error, expected),
                    (Err(error), Err(others)) => {
                        let text = error.to_string();
                        let (_, end) = text.split_once("abandoned: the promise was dropped unset").unwrap();
                        assert_eq!(end, others, "{ways:?}");
                    }
                    (outcome, _) => panic!("{ways:?}: {outcome:?}"),
                }
                assert_eq!(count(&bodies), 0);
            }
        }
    });
}

#[test]
fn which_of_two_losses_is_told_does_not_depend_on_which_came_first() {
    watched(|| {
        for left_first in [true, false] {
            let (left, end_left) = Fate::Panicked.call(1);
            let (right, end_right) = Fate::Cancelled.call(1);
            let call = add(Runs::default(), left, right);
            let (first, second) = if left_first { (end_left, end_right) } else { (end_right, end_left) };
            first.now();
            assert!(!call.is_finished());
            second.now();
            assert_eq!(Fate::of(&call.outcome().unwrap_err()), Some(Fate::Panicked));
        }
    });
}

#[derive(Debug)]
struct Loud;
#[derive(Debug)]
struct Deaf(ThreadId);

static ALONE: Pool = Pool::new(1);

impl From<Loud> for Deaf {
    fn from(Loud: Loud) -> Self {
        // Under a lock of the runtime, or on its only worker without giving way, this would hang.
        ALONE.spawn(|| ()).get();
        Self(thread::current().id())
    }
}

#[pooled(pool = ALONE)]
fn deaf(n: u8) -> Result<u8, Deaf> {
    Ok(n)
}

#[test]
fn from_may_use_the_library() {
    watched(|| {
        let (promise, value) = AsyncValue::<Result<u8, Loud>>::promise();
        let call = deaf(value);
        promise.set(Err(Loud));
        assert_eq!(call.get().unwrap_err().0, thread::current().id(), "`From` runs where the argument ends");
        // The argument ends on the only worker of the pool that `From` waits for.
        assert!(deaf(ALONE.spawn(|| Err::<u8, _>(Loud))).get().is_err());
    });
}

#[derive(Debug)]
struct Wild;
#[derive(Debug)]
struct Tame;

impl From<Wild> for Tame {
    fn from(Wild: Wild) -> Self {
        panic!("cannot be tamed")
    }
}

#[pooled(pool = POOL)]
fn tame(token: Token, n: u8) -> Result<u8, Tame> {
    drop(token);
    Ok(n)
}

#[test]
fn a_panic_of_from_is_the_dependants() {
    watched(|| {
        let drops = DropCounter::new();
        let (promise, value) = AsyncValue::<Result<u8, Wild>>::promise();
        let call = tame(drops.token(), value);
        promise.set(Err(Wild));
        let error = call.outcome().unwrap_err();
        assert!(matches!(&error, TaskError::Panicked(panic) if panic.message() == "cannot be tamed"), "{error}");
        assert!(error.to_string().starts_with("tame ("), "{error}");
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn arguments_are_taken_in_order() {
    watched(|| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let pass = |n| {
            order.lock().unwrap().push(n);
            AsyncValue::ready(n)
        };
        assert_eq!(add(Runs::default(), pass(1), pass(2)).get(), Ok(3));
        assert_eq!(*order.lock().unwrap(), [1, 2]);
    });
}

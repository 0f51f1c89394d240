//! No recursion over the graph: chains and lists of a million, in every way that they can be built and end, on 2 MiB of stack.
//!
//! A recursion needs more than 40 bytes a link, and so would overflow after `MANY` links too; the plainest have a million.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Promise;
use asynctools::pooled;

use crate::fates::Fate;
use crate::helpers::Gate;
use crate::helpers::until;
use crate::helpers::watched;

const MILLION: usize = 1_000_000;
const MANY: usize = 50_000;

static ALONE: Pool = Pool::new(1);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bad;

type Link = AsyncValue<Result<usize, Bad>>;
/// Counts the bodies that ran, and shows who has not let go of it.
type Bodies = Arc<AtomicUsize>;

#[pooled(pool = ALONE)]
fn step(bodies: Bodies, n: usize) -> Result<usize, Bad> {
    bodies.fetch_add(1, Ordering::Relaxed);
    Ok(n + 1)
}

#[pooled(pool = ALONE)]
fn step_by_ref(bodies: &Bodies, n: &usize) -> Result<usize, Bad> {
    bodies.fetch_add(1, Ordering::Relaxed);
    Ok(n + 1)
}

#[pooled(pool = ALONE)]
fn step_of_list(bodies: Bodies, n: Vec<usize>) -> Result<usize, Bad> {
    bodies.fetch_add(1, Ordering::Relaxed);
    Ok(n[0] + 1)
}

/// The kinds of links, each of which adds one.
fn call(bodies: Bodies, link: Link) -> Link {
    step(bodies, link)
}

fn map(bodies: Bodies, link: Link) -> Link {
    link.map_ok(move |n| {
        bodies.fetch_add(1, Ordering::Relaxed);
        n + 1
    })
}

fn zip(bodies: Bodies, link: Link) -> Link {
    step(bodies, AsyncValue::ready(1).zip(link).map(|(_, n)| n))
}

#[expect(clippy::needless_pass_by_value, reason = "of the same type as the others")]
fn borrow(bodies: Bodies, link: Link) -> Link {
    step(bodies, &link)
}

fn share(bodies: Bodies, link: Link) -> Link {
    step_by_ref(Arc::new(bodies), link.shared())
}

fn list(bodies: Bodies, link: Link) -> Link {
    step_of_list(bodies, AsyncList::from(vec![link]))
}

struct Chain {
    bodies: Bodies,
    last: Link,
}

impl Chain {
    fn new(first: Link, length: usize, next: fn(Bodies, Link) -> Link) -> Self {
        let bodies = Bodies::default();
        let last = (0..length).fold(first, |link, _| next(bodies.clone(), link));
        Self { bodies, last }
    }

    /// Asserts how many bodies ran, and that all calls let go of their arguments. A call that did not run does so after its end.
    fn ran(bodies: &Bodies, expected: usize) {
        assert_eq!(bodies.load(Ordering::Relaxed), expected);
        until("nobody holds an argument", || Arc::strong_count(bodies) == 1);
    }
}

/// Built while its first value is missing, and run, and failed: how long each took.
fn run_and_fail(length: usize, next: fn(Bodies, Link) -> Link) -> (Duration, Duration) {
    let mut times = Vec::new();
    for (value, bodies) in [(Ok(0), length), (Err(Bad), 0)] {
        let (promise, first) = AsyncValue::promise();
        let chain = Chain::new(first, length, next);
        let start = Instant::now();
        promise.set(value);
        assert_eq!(chain.last.get(), value.map(|_| length));
        times.push(start.elapsed());
        Chain::ran(&chain.bodies, bodies);
    }
    (times[0], times[1])
}

/// Built, and lost at its root.
fn lose(length: usize, next: fn(Bodies, Link) -> Link, fates: &[Fate]) {
    for &fate in fates {
        let (first, end) = fate.call(Ok(0));
        let chain = Chain::new(first, length, next);
        end.now();
        assert_eq!(Fate::of(&chain.last.outcome().unwrap_err()), Some(fate));
        Chain::ran(&chain.bodies, 0);
    }
}

/// Built, and cancelled at its end or dropped unfinished, when the rest goes on; and dropped half-built.
fn leave(length: usize, next: fn(Bodies, Link) -> Link) {
    for cancels in [true, false] {
        let (promise, first) = AsyncValue::promise();
        let chain = Chain::new(first, length, next);
        if cancels {
            assert!(chain.last.cancel());
        } else {
            drop(chain.last);
        }
        promise.set(Ok(0));
        ALONE.spawn(|| ()).get();
        until("the rest has run", || Arc::strong_count(&chain.bodies) == 1);
        let ran = chain.bodies.load(Ordering::Relaxed);
        assert!(ran == length || cancels && ran == length - 1, "{ran}");
    }
    let (promise, first) = AsyncValue::promise();
    let Chain { bodies, last } = Chain::new(first, length / 2, next);
    drop(last);
    drop(promise);
    Chain::ran(&bodies, 0);
}

fn all_ends(length: usize, next: fn(Bodies, Link) -> Link) {
    run_and_fail(length, next);
    lose(length, next, &Fate::LOSSES);
    leave(length, next);
}

#[test]
fn calls() {
    watched(|| {
        all_ends(MANY, call);
        let (ran, failed) = run_and_fail(MILLION, call);
        println!("a chain of {MILLION} calls took {ran:?} to run and {failed:?} to fail");
    });
}

#[test]
fn calls_after_a_panic() {
    watched(|| lose(MILLION, call, &[Fate::Panicked]));
}

#[test]
fn calls_after_a_cancelled_one() {
    watched(|| lose(MILLION, call, &[Fate::Cancelled]));
}

#[test]
fn calls_that_nobody_wants() {
    watched(|| leave(MILLION, call));
}

#[test]
fn maps() {
    watched(|| {
        all_ends(MANY, map);
        let (promise, first) = AsyncValue::promise();
        let chain = Chain::new(first, MILLION, map);
        promise.set(Ok(0));
        assert_eq!(chain.last.get(), Ok(MILLION));
        Chain::ran(&chain.bodies, MILLION);
    });
}

#[test]
fn zips() {
    watched(|| all_ends(MANY, zip));
}

#[test]
fn borrowed_handles() {
    watched(|| all_ends(MANY, borrow));
}

#[test]
fn shared_handles() {
    watched(|| all_ends(MANY, share));
}

#[test]
fn lists_as_links() {
    watched(|| all_ends(MANY, list));
}

#[test]
fn chains() {
    watched(|| {
        for fate in Fate::ALL {
            let (first, end) = fate.call(0);
            let first = AsyncList::from(vec![AsyncValue::ready(0), first]).chain(|| 0);
            let last = (0..MANY).fold(first, |link, _| link.chain(|| 0));
            end.now();
            assert_eq!(last.get(), 0, "{fate:?}");
        }
    });
}

#[test]
fn a_chain_that_is_built_while_it_runs() {
    watched(|| {
        let chain = Chain::new(AsyncValue::ready(Ok(0)), 4 * MANY, call);
        assert_eq!(chain.last.get(), Ok(4 * MANY));
        Chain::ran(&chain.bodies, 4 * MANY);
    });
}

#[test]
fn a_chain_whose_every_handle_is_held() {
    watched(|| {
        for how in ["cancel", "drop", "get"] {
            let bodies = Bodies::default();
            let (promise, first) = AsyncValue::promise();
            let mut links = AsyncList::from(vec![first]);
            for _ in 0..MANY {
                let last = links.iter().next_back().expect("not empty");
                links.push(step(bodies.clone(), last));
            }
            match how {
                "cancel" => assert_eq!(links.cancel(), MANY),
                "drop" => drop(links),
                _ => {
                    promise.set(Ok(0));
                    assert_eq!(links.get(), (0..=MANY).map(Ok).collect::<Vec<_>>());
                    Chain::ran(&bodies, MANY);
                    continue;
                }
            }
            drop(promise);
            Chain::ran(&bodies, 0);
        }
    });
}

#[test]
fn a_call_that_waits_for_a_chain() {
    watched(|| {
        for next in [call, borrow, share, list] {
            let pool = Pool::new(1);
            let gate = Gate::new();
            let (promise, first) = AsyncValue::promise();
            // On the pool of the waiter, so that it looks the whole chain up.
            let first = ALONE.spawn(|| ()).zip(first).map(|((), first)| first);
            let chain = Chain::new(first, MANY, next);
            let waiter = ALONE.spawn({
                let gate = gate.clone();
                move || {
                    gate.pass();
                    chain.last.get()
                }
            });
            let other = pool.spawn(|| 1);
            gate.wait_for(1);
            gate.open();
            promise.set(Ok(0));
            assert_eq!(waiter.get(), Ok(MANY));
            assert_eq!(other.get(), 1);
            Chain::ran(&chain.bodies, MANY);
        }
    });
}

/// So many calls that wait for one value each.
fn wide(length: usize) -> (Vec<Promise<usize>>, AsyncList<usize>) {
    (0..length).map(|_| AsyncValue::promise()).unzip()
}

#[test]
fn lists() {
    watched(|| {
        let (promises, list) = wide(MILLION);
        let sum = list.map(|all| all.into_iter().sum::<usize>());
        promises.into_iter().enumerate().for_each(|(n, promise)| promise.set(n));
        assert_eq!(sum.get(), MILLION * (MILLION - 1) / 2);

        let list: AsyncList<_> = (0..4 * MANY).map(|n| ALONE.spawn(move || n)).collect();
        assert_eq!(list.get().len(), 4 * MANY);
    });
}

#[test]
fn the_ends_of_lists() {
    watched(|| {
        let (promises, list) = wide(MANY);
        let (first, rest) = (list.map(|all| all.len()), promises);
        drop(rest);
        let error = first.outcome().unwrap_err();
        assert!(error.to_string().ends_with(&format!("(+{} others)", MANY - 1)), "{error}");

        let (promises, list) = wide(MANY);
        assert!(list.map(|all| all.len()).cancel());
        drop(promises);

        let (promises, list) = wide(MANY);
        let after = list.chain(|| 1);
        drop(promises);
        assert_eq!(after.get(), 1);

        let (promises, list) = wide(MANY);
        drop(list);
        for promise in promises {
            promise.set(1);
        }

        let (promises, list) = wide(MANY);
        let mut completed = list.as_completed();
        for promise in promises {
            promise.set(1);
        }
        assert_eq!(completed.by_ref().filter(|(_, end)| end.is_ok()).count(), MANY);

        let paused = Pool::new(0);
        assert_eq!(paused.map(0..MANY, |n| n).cancel(), MANY);
        let queued = paused.map(0..MANY, |n| n).map(|all| all.len());
        paused.close();
        assert_eq!(Fate::of(&queued.outcome().unwrap_err()), Some(Fate::Closed));
    });
}

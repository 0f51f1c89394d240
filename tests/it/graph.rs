//! Random graphs of calls, against a sequential evaluation that says which call must end how.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::Shared;
use asynctools::TaskError;
use asynctools::pooled;
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;

use crate::helpers::until;
use crate::helpers::watched;

static ALONE: Pool = Pool::new(1);
static BESIDE: Pool = Pool::new(1);
static WIDE: Pool = Pool::new(3);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bad(usize);
/// An attribute sees a `Result` only where one is written.
type Outcome = Result<u64, Bad>;

/// What the body of a call does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Value,
    Fail,
    Panic,
}

/// How a call's handle reaches the calls that need it; `Moved` only if there is just one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keep {
    Moved,
    Borrowed,
    Shared,
}

#[derive(Clone, Debug)]
struct Spec {
    act: Act,
    cancelled: bool,
    keep: Keep,
    /// Among the calls before it, or with `true` among the ten before it.
    args: Vec<(Index, bool)>,
    many: bool,
}

fn spec(losses: bool) -> impl Strategy<Value = Spec> {
    let act = if losses {
        prop_oneof![16 => Just(Act::Value), 1 => Just(Act::Fail), 1 => Just(Act::Panic)].boxed()
    } else {
        Just(Act::Value).boxed()
    };
    let cancelled = proptest::bool::weighted(if losses { 0.04 } else { 0.0 });
    let keep = prop_oneof![Just(Keep::Borrowed), Just(Keep::Moved), Just(Keep::Shared)];
    let args = vec((any::<Index>(), any::<bool>()), 0..5);
    (act, cancelled, keep, args, any::<bool>()).prop_map(|(act, cancelled, keep, args, many)| Spec {
        act,
        cancelled,
        keep,
        args,
        many,
    })
}

/// How a call must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Value(u64),
    Failed(Bad),
    Panicked(usize),
    Cancelled,
}

impl End {
    fn of(outcome: &Result<Outcome, TaskError>) -> Option<Self> {
        match outcome {
            Ok(Ok(value)) => Some(Self::Value(*value)),
            Ok(Err(bad)) => Some(Self::Failed(*bad)),
            Err(error) => match error.root() {
                TaskError::Cancelled => Some(Self::Cancelled),
                TaskError::Panicked(panic) => panic.message().parse().ok().map(Self::Panicked),
                _ => None,
            },
        }
    }
}

fn mix(index: usize, args: &[u64]) -> u64 {
    args.iter().fold(index as u64, |sum, arg| sum.rotate_left(7).wrapping_mul(31) ^ arg)
}

/// A node of a graph, with its arguments and the number of those who need it.
struct Plan {
    spec: Spec,
    args: Vec<usize>,
    keep: Keep,
}

fn plan(specs: Vec<Spec>) -> Vec<Plan> {
    let mut readers = vec![0; specs.len()];
    let resolve = |(index, spec): (usize, Spec)| {
        let pick = |(pick, near): &(Index, bool)| match index {
            _ if *near => index - 1 - pick.index(index.min(10)),
            _ => pick.index(index),
        };
        let args = if index == 0 { Vec::<usize>::new() } else { spec.args.iter().map(pick).collect() };
        for arg in &args {
            readers[*arg] += 1;
        }
        Plan { keep: spec.keep, spec, args }
    };
    let mut plans: Vec<_> = specs.into_iter().enumerate().map(resolve).collect();
    for (plan, readers) in plans.iter_mut().zip(readers) {
        // A cancel takes the handle, so those who need the call have borrowed it.
        if plan.spec.cancelled || plan.keep == Keep::Moved && readers != 1 {
            plan.keep = Keep::Borrowed;
        }
    }
    plans
}

/// How each call must end, and whether its body runs.
fn oracle(plans: &[Plan]) -> Vec<(End, bool)> {
    let mut ends: Vec<(End, bool)> = Vec::with_capacity(plans.len());
    for (index, plan) in plans.iter().enumerate() {
        let args = || plan.args.iter().map(|arg| ends[*arg].0);
        let values: Vec<_> =
            args().filter_map(|end| if let End::Value(value) = end { Some(value) } else { None }).collect();
        let failed = args().find(|end| !matches!(end, End::Value(_)));
        let taken_out = args().find(|end| matches!(end, End::Panicked(_) | End::Cancelled));
        // A `zip` takes an `Err` for a value like any other.
        let zips = plan.spec.many && plan.args.len() == 2;
        let loss = if zips { taken_out.or(failed) } else { failed };
        ends.push(match (plan.spec.cancelled, loss, plan.spec.act) {
            (true, _, _) => (End::Cancelled, false),
            (false, Some(end), _) => (end, false),
            (false, None, Act::Value) => (End::Value(mix(index, &values)), true),
            (false, None, Act::Fail) => (End::Failed(Bad(index)), true),
            (false, None, Act::Panic) => (End::Panicked(index), true),
        });
    }
    ends
}

type Ran = Arc<Vec<AtomicUsize>>;

/// The body of a call, on one of the pools.
#[derive(Clone)]
struct Node {
    pool: &'static Pool,
    ran: Ran,
    index: usize,
    act: Act,
}

impl Node {
    fn end(&self, args: &[u64]) -> Outcome {
        self.ran[self.index].fetch_add(1, Ordering::SeqCst);
        match self.act {
            Act::Value => Ok(mix(self.index, args)),
            Act::Fail => Err(Bad(self.index)),
            // As a panic, without a word from the hook.
            Act::Panic => std::panic::resume_unwind(Box::new(self.index.to_string())),
        }
    }

    #[pooled(pool = self.pool)]
    fn none(&self, _go: ()) -> Result<u64, Bad> {
        self.end(&[])
    }

    #[pooled(pool = self.pool)]
    fn one(self, a: u64) -> Result<u64, Bad> {
        self.end(&[a])
    }

    #[pooled(pool = self.pool)]
    fn two(&self, a: u64, b: u64) -> Result<u64, Bad> {
        self.end(&[a, b])
    }

    #[pooled(pool = self.pool)]
    fn three(self: Arc<Self>, a: u64, b: &u64, c: u64) -> Result<u64, Bad> {
        self.end(&[a, *b, c])
    }

    #[pooled(pool = self.pool)]
    fn many(&self, all: &[u64]) -> Result<u64, Bad> {
        self.end(all)
    }
}

#[pooled(pool = WIDE)]
fn pass(value: u64) -> Result<u64, Bad> {
    Ok(value)
}

enum Handle {
    Own(AsyncValue<Outcome>),
    Shared(Shared<Outcome>),
}

/// A handle as an argument: moved, borrowed or shared.
enum Edge<'a> {
    Moved(AsyncValue<Outcome>),
    Borrowed(&'a AsyncValue<Outcome>),
    Shared(Shared<Outcome>),
}

/// Calls with a handle of whichever type the edge is.
macro_rules! through {
    ($edge:expr, $arg:ident => $call:expr) => {
        match $edge {
            Edge::Moved($arg) => $call,
            Edge::Borrowed($arg) => $call,
            Edge::Shared($arg) => $call,
        }
    };
}

impl Edge<'_> {
    fn owned(self) -> AsyncValue<Outcome> {
        match self {
            Edge::Moved(value) => value,
            Edge::Borrowed(value) => pass(value),
            Edge::Shared(value) => pass(&value),
        }
    }
}

fn call(node: Node, many: bool, go: &AsyncValue<()>, edges: Vec<Edge<'_>>) -> AsyncValue<Outcome> {
    let count = edges.len();
    let mut edges = edges.into_iter();
    let mut next = || edges.next().expect("counted");
    match count {
        0 => node.none(go),
        1 if many => {
            let value = next().owned();
            value.and_then(move |a| node.end(&[a]))
        }
        1 => through!(next(), a => node.one(a)),
        2 if many => {
            let (a, b) = (next().owned(), next().owned());
            let both = a.zip(b).map(|(a, b)| a.and_then(|a| b.map(|b| (a, b))));
            both.and_then(move |(a, b)| node.end(&[a, b]))
        }
        2 => through!(next(), a => through!(next(), b => node.two(a, b))),
        3 if !many => {
            let (a, b, c) = (next(), next().owned(), next().owned());
            through!(a, a => Arc::new(node).three(a, b.shared(), c))
        }
        _ => node.many(edges.map(Edge::owned).collect::<AsyncList<_>>()),
    }
}

/// Runs the graph, and says which call ended otherwise than it must.
fn run(specs: Vec<Spec>, sooner: bool, pools: &[&'static Pool]) -> Result<(), String> {
    let plans = plan(specs);
    let expected = oracle(&plans);
    let ran: Ran = Arc::new(plans.iter().map(|_| AtomicUsize::new(0)).collect());
    let (promise, go) = AsyncValue::promise();
    let mut promise = Some(promise);
    let cancels = plans.iter().any(|plan| plan.spec.cancelled);
    if sooner
        && !cancels
        && let Some(promise) = promise.take()
    {
        promise.set(());
    }

    let mut handles: Vec<Option<Handle>> = Vec::with_capacity(plans.len());
    for (index, plan) in plans.iter().enumerate() {
        let moved: Vec<_> =
            plan.args.iter().map(|arg| (plans[*arg].keep == Keep::Moved).then(|| handles[*arg].take())).collect();
        let edge = |(arg, moved): (&usize, Option<Option<Handle>>)| match (moved, &handles[*arg]) {
            (Some(Some(Handle::Own(value))), _) => Edge::Moved(value),
            (None, Some(Handle::Own(value))) => Edge::Borrowed(value),
            (None, Some(Handle::Shared(value))) => Edge::Shared(value.clone()),
            _ => unreachable!("planned otherwise"),
        };
        let edges = plan.args.iter().zip(moved).map(edge).collect();
        let pool = pools[index % pools.len()];
        let node = Node { pool, ran: ran.clone(), index, act: plan.spec.act };
        let value = call(node, plan.spec.many, &go, edges);
        handles.push(Some(if plan.keep == Keep::Shared { Handle::Shared(value.shared()) } else { Handle::Own(value) }));
    }

    // The last first: a cancelled call ends those that need it, which could not be cancelled any more.
    for (plan, handle) in plans.iter().zip(&mut handles).rev().filter(|(plan, _)| plan.spec.cancelled) {
        let Some(Handle::Own(value)) = handle.take() else { unreachable!("planned otherwise, {:?}", plan.spec) };
        if !value.cancel() {
            return Err("what waits can be cancelled".to_owned());
        }
    }
    if let Some(promise) = promise.take() {
        promise.set(());
    }
    for (index, handle) in handles.into_iter().enumerate() {
        let outcome = match handle {
            None => continue,
            Some(Handle::Own(value)) => value.outcome(),
            Some(Handle::Shared(value)) => value.outcome().copied(),
        };
        if End::of(&outcome) != Some(expected[index].0) {
            return Err(format!("call {index} must end as {:?}, and ended as {outcome:?}", expected[index].0));
        }
    }
    // Calls whose handles went with a cancelled call run on.
    until("all calls have ended", || Arc::strong_count(&ran) == 1);
    for (index, (ran, (_, runs))) in ran.iter().zip(expected).enumerate() {
        let ran = ran.load(Ordering::SeqCst);
        if ran != usize::from(runs) {
            return Err(format!("call {index} ran {ran} times"));
        }
    }
    Ok(())
}

/// The same cases in every run.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn ten_thousand_nodes_on_one_worker() {
    watched(|| {
        let specs = vec(spec(false), 10_000).new_tree(&mut runner(1)).expect("nothing is filtered").current();
        for sooner in [true, false] {
            run(specs.clone(), sooner, &[&ALONE]).unwrap();
        }
        assert_eq!(ALONE.stats().queued, 0);
    });
}

#[test]
fn random_graphs_with_random_losses_end_as_they_must() {
    watched(|| {
        let graphs = (vec(spec(true), 1..40), any::<bool>());
        let ends = runner(1000).run(&graphs, |(specs, sooner)| {
            let pools: [&'static Pool; 3] = [&BESIDE, &WIDE, Pool::global()];
            run(specs, sooner, &pools).map_err(proptest::test_runner::TestCaseError::fail)
        });
        ends.unwrap_or_else(|error| panic!("{error}"));
    });
}

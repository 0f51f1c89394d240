//! What a random program is: pools, calls that need each other, what their bodies do, and what threads do with the handles
//! and the pools meanwhile. A program that is made here never deadlocks by its own fault:
//!
//! - bodies wait only for calls that they make, and for promises that a thread sets which never blocks;
//! - only one thread pauses pools; it never blocks either, and leaves every pool with workers;
//! - nobody waits inside a call for the end of another pool without a time limit.

use std::fmt;
use std::sync::Arc;

use asynctools::OnFull;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::strategy::BoxedStrategy;

/// A whole program.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) style: Style,
    pub(crate) pools: Vec<PoolPlan>,
    /// In the order in which they are made.
    pub(crate) calls: Vec<Call>,
    /// So many promises that bodies wait for, set in this order with so many yields before each.
    pub(crate) gates: Vec<u8>,
    /// What each of the threads does that have the handles.
    pub(crate) users: Vec<Vec<Act>>,
    /// What the thread does that never blocks.
    pub(crate) operator: Vec<Act>,
    /// All calls, those inside of others too.
    pub(crate) bodies: usize,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn lines<T: fmt::Debug>(f: &mut fmt::Formatter<'_>, what: &str, all: &[T]) -> fmt::Result {
            all.iter().enumerate().try_for_each(|(index, one)| writeln!(f, "  {what} {index}: {one:?}"))
        }
        writeln!(f, "  {:?}, gates after {:?} yields, operator {:?}", self.style, self.gates, self.operator)?;
        lines(f, "pool", &self.pools)?;
        lines(f, "call", &self.calls)?;
        lines(f, "user", &self.users)
    }
}

/// What a program leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Nothing.
    Wild,
    /// What could end a call otherwise than its body does: of each handle there is one ending.
    Calm,
    /// That, and every wait for something that is not of the same pool: ceilings are exact.
    Exact,
}

#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    pub(crate) workers: usize,
    pub(crate) bound: Option<(usize, OnFull)>,
    pub(crate) idle_micros: Option<u16>,
    pub(crate) small_stack: bool,
    /// How many workers it is left with.
    pub(crate) last: usize,
}

/// Where a call runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum At {
    /// Where the call runs that makes this one; gone once a program is complete.
    Own,
    Pool(usize),
    Parallel,
    Global,
}

/// A call that the program makes from outside.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: At,
    pub(crate) shape: Shape,
    /// Earlier calls.
    pub(crate) args: Vec<usize>,
    pub(crate) keep: Keep,
    /// Fails with `Mild`, which a `Bad` can be made of.
    pub(crate) mild: bool,
    pub(crate) body: Arc<Body>,
    /// What is done with the handle, by which thread, and when among the other things that it does.
    pub(crate) wait: Wait,
    pub(crate) user: usize,
    pub(crate) rank: u16,
    /// Together with others, as a list.
    pub(crate) grouped: bool,
    /// The last of the later calls that need this one, or itself.
    pub(crate) last_reader: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// A closure without arguments.
    Spawn,
    /// An annotated function of up to two arguments, the second by reference.
    Call,
    /// One that takes its argument as a `Result`.
    Whole,
    /// One that takes a list: as a `Vec`, or as a slice.
    Many,
    Slice,
    Map,
    AndThen,
    MapOk,
    Chain,
    Zip,
    ListMap,
    ListChain,
    Ready,
    /// A promise that is set, or dropped.
    Promise(bool),
}

impl Shape {
    /// Takes the handles themselves.
    fn moves(self) -> bool {
        use_of_args(self).1
    }

    /// How many arguments it needs at least and takes at most.
    fn arity(self) -> (usize, usize) {
        use_of_args(self).0
    }

    /// A method of a handle: runs where the call before it ran.
    pub(crate) fn follows(self) -> bool {
        matches!(
            self,
            Self::Map | Self::AndThen | Self::MapOk | Self::Chain | Self::Zip | Self::ListMap | Self::ListChain
        )
    }

    /// An `Err` of an argument is a value like any other.
    pub(crate) fn takes_results(self) -> bool {
        matches!(self, Self::Whole | Self::Map | Self::Zip | Self::ListMap)
    }

    /// Nothing runs.
    pub(crate) fn has_no_body(self) -> bool {
        matches!(self, Self::Ready | Self::Promise(_))
    }
}

fn use_of_args(shape: Shape) -> ((usize, usize), bool) {
    match shape {
        Shape::Spawn | Shape::Ready | Shape::Promise(_) => ((0, 0), false),
        Shape::Call => ((0, 2), false),
        Shape::Whole => ((1, 1), false),
        Shape::Many | Shape::Slice | Shape::ListMap | Shape::ListChain => ((1, 5), true),
        Shape::Map | Shape::AndThen | Shape::MapOk | Shape::Chain => ((1, 1), true),
        Shape::Zip => ((2, 2), true),
    }
}

/// How a handle reaches the calls that need it; `Moved` only if there is just one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    Moved,
    Borrowed,
    Shared,
}

#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// Different for each in the program; the outer calls come first.
    pub(crate) id: usize,
    pub(crate) depth: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: Finish,
    /// Its value panics when it is cloned.
    pub(crate) brittle: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finish {
    Value,
    Fail,
    /// With a text.
    Panic,
    /// With a payload that is counted.
    PanicAny,
}

/// Something that a body does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Yield(u8),
    Nest {
        at: At,
        body: Arc<Body>,
        via: Via,
        wait: Wait,
    },
    List {
        calls: Vec<(At, Arc<Body>)>,
        wait: ListWait,
    },
    Gate {
        gate: usize,
        micros: Option<u16>,
    },
    /// Makes a promise that another thread sets or drops.
    Promise {
        set: bool,
        wait: Wait,
    },
    Pool(PoolAct),
}

/// How the handle of a nested call is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Via {
    Itself,
    Map,
    AndThen,
    Chain,
    Shared,
}

/// What is done with a handle at last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    Get,
    Outcome,
    /// Timed until the time is over, and then without a limit.
    GetTimeout(u16),
    OutcomeTimeout(u16),
    Within(u16),
    Ended,
    /// Asks so often before it waits.
    TryGet(u8),
    /// By hand: outside of calls until it is ready, inside so often before it waits.
    Poll(u8),
    /// By hand, and then it is dropped.
    PollDrop(u8),
    Cancel,
    Drop,
    Detach,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListWait {
    Get,
    Outcomes,
    Join,
    AsCompleted,
    /// So many of them.
    AsCompletedPartly(u8),
    GetTimeout(u16),
    FirstTimeout(u16),
    First,
    FirstOk,
    Cancel,
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PoolAct {
    Resize(usize, usize),
    CancelQueued(usize),
    /// Inside of calls only of their own pool.
    Close(usize),
    CloseTimeout(usize, u16),
    /// Outside of calls only.
    Drop(usize),
}

/// Something that a thread outside does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Yield(u8),
    Use(usize),
    UseList(Vec<usize>, ListWait),
    Pool(PoolAct),
}

/// Of how many calls a program consists at most.
const MOST_BODIES: usize = 60;

/// All programs.
pub fn programs() -> BoxedStrategy<Program> {
    let style = prop_oneof![6 => Just(Style::Wild), 3 => Just(Style::Calm), 2 => Just(Style::Exact)];
    let parts = (
        style,
        vec(pool_plan(), 1..4),
        vec(call(), 1..22),
        vec(0..20_u8, 1..4),
        vec((any::<u16>(), disturbance()), 0..4),
        vec(operation(), 0..8),
        (1..4_usize, list_wait(), list_wait()),
    );
    parts.prop_map(complete).boxed()
}

fn pool_plan() -> impl Strategy<Value = PoolPlan> {
    let on_full = prop_oneof![3 => Just(OnFull::Block), 2 => Just(OnFull::RunHere), 3 => Just(OnFull::Reject)];
    let bound = option::weighted(0.45, (1..4_usize, on_full));
    let workers = prop_oneof![1 => Just(0), 4 => Just(1), 2 => Just(2), 2 => 3..5_usize];
    let parts = (workers, bound, option::weighted(0.3, 0..400_u16), any::<bool>(), 1..4_usize);
    parts.prop_map(|(workers, bound, idle_micros, small_stack, last)| PoolPlan {
        workers,
        bound,
        idle_micros,
        small_stack,
        last,
    })
}

fn at() -> impl Strategy<Value = At> {
    prop_oneof![9 => Just(At::Own), 9 => (0..12_usize).prop_map(At::Pool), 1 => Just(At::Parallel), 1 => Just(At::Global)]
}

fn call() -> impl Strategy<Value = Call> {
    let shape = prop_oneof![
        4 => Just(Shape::Spawn),
        7 => Just(Shape::Call),
        1 => Just(Shape::Whole),
        1 => Just(Shape::Many),
        1 => Just(Shape::Slice),
        1 => Just(Shape::Map),
        1 => Just(Shape::AndThen),
        1 => Just(Shape::MapOk),
        1 => Just(Shape::Chain),
        1 => Just(Shape::Zip),
        1 => Just(Shape::ListMap),
        1 => Just(Shape::ListChain),
        1 => Just(Shape::Ready),
        1 => any::<bool>().prop_map(Shape::Promise),
    ];
    let keep = prop_oneof![Just(Keep::Moved), Just(Keep::Borrowed), Just(Keep::Shared)];
    let what = (at(), shape, vec(any::<u16>().prop_map(usize::from), 0..5), keep, any::<bool>(), body(5));
    let then = (wait(), 0..3_usize, any::<u16>(), proptest::bool::weighted(0.25));
    (what, then).prop_map(|((at, shape, args, keep, mild, body), (wait, user, rank, grouped))| Call {
        at,
        shape,
        args,
        keep,
        mild,
        body: Arc::new(body),
        wait,
        user,
        rank,
        grouped,
        last_reader: 0,
    })
}

fn body(depth: u32) -> BoxedStrategy<Body> {
    let end = prop_oneof![
        16 => Just(Finish::Value),
        2 => Just(Finish::Fail),
        1 => Just(Finish::Panic),
        1 => Just(Finish::PanicAny),
    ];
    let steps = if depth == 0 { Just(Vec::new()).boxed() } else { vec(step(depth - 1), 0..3).boxed() };
    let parts = (steps, end, proptest::bool::weighted(0.06));
    parts.prop_map(|(steps, end, brittle)| Body { id: 0, depth: 0, steps, end, brittle }).boxed()
}

fn step(depth: u32) -> BoxedStrategy<Step> {
    let inner = body(depth);
    let via = prop_oneof![
        6 => Just(Via::Itself),
        1 => Just(Via::Map),
        1 => Just(Via::AndThen),
        1 => Just(Via::Chain),
        1 => Just(Via::Shared),
    ];
    let nest = (at(), inner.clone().prop_map(Arc::new), via, wait());
    let list = (vec((at(), inner.prop_map(Arc::new)), 1..4), list_wait());
    prop_oneof![
        2 => (0..12_u8).prop_map(Step::Yield),
        7 => nest.prop_map(|(at, body, via, wait)| Step::Nest { at, body, via, wait }),
        2 => list.prop_map(|(calls, wait)| Step::List { calls, wait }),
        1 => (0..4_usize, option::of(0..200_u16)).prop_map(|(gate, micros)| Step::Gate { gate, micros }),
        1 => (proptest::bool::weighted(0.7), wait()).prop_map(|(set, wait)| Step::Promise { set, wait }),
        1 => disturbance().prop_map(Step::Pool),
    ]
    .boxed()
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        6 => Just(Wait::Get),
        6 => Just(Wait::Outcome),
        2 => (0..300_u16).prop_map(Wait::GetTimeout),
        1 => (0..300_u16).prop_map(Wait::OutcomeTimeout),
        1 => (0..300_u16).prop_map(Wait::Within),
        1 => Just(Wait::Ended),
        1 => (0..20_u8).prop_map(Wait::TryGet),
        2 => (0..20_u8).prop_map(Wait::Poll),
        1 => (0..3_u8).prop_map(Wait::PollDrop),
        3 => Just(Wait::Cancel),
        1 => Just(Wait::Drop),
        1 => Just(Wait::Detach),
    ]
}

fn list_wait() -> impl Strategy<Value = ListWait> {
    prop_oneof![
        2 => Just(ListWait::Get),
        3 => Just(ListWait::Outcomes),
        1 => Just(ListWait::Join),
        2 => Just(ListWait::AsCompleted),
        1 => (0..3_u8).prop_map(ListWait::AsCompletedPartly),
        1 => (0..300_u16).prop_map(ListWait::GetTimeout),
        1 => (0..300_u16).prop_map(ListWait::FirstTimeout),
        1 => Just(ListWait::First),
        1 => Just(ListWait::FirstOk),
        1 => Just(ListWait::Cancel),
        1 => Just(ListWait::Drop),
    ]
}

fn disturbance() -> impl Strategy<Value = PoolAct> {
    let pool = || 0..12_usize;
    prop_oneof![
        3 => (pool(), 1..5_usize).prop_map(|(pool, workers)| PoolAct::Resize(pool, workers)),
        2 => pool().prop_map(PoolAct::CancelQueued),
        1 => pool().prop_map(PoolAct::Close),
        1 => (pool(), 0..300_u16).prop_map(|(pool, micros)| PoolAct::CloseTimeout(pool, micros)),
        1 => pool().prop_map(PoolAct::Drop),
    ]
}

fn operation() -> impl Strategy<Value = Act> {
    let resize = (0..12_usize, 0..5_usize).prop_map(|(pool, workers)| PoolAct::Resize(pool, workers));
    let pause = (0..12_usize).prop_map(|pool| PoolAct::Resize(pool, 0));
    prop_oneof![
        4 => (0..60_u8).prop_map(Act::Yield),
        3 => resize.prop_map(Act::Pool),
        2 => pause.prop_map(Act::Pool),
        1 => (0..12_usize).prop_map(|pool| Act::Pool(PoolAct::CancelQueued(pool))),
    ]
}

type Parts = (Style, Vec<PoolPlan>, Vec<Call>, Vec<u8>, Vec<(u16, PoolAct)>, Vec<Act>, (usize, ListWait, ListWait));

/// Makes a program of what was drawn: every number means something that exists.
fn complete((style, mut pools, calls, gates, disturbances, operator, (users, first, second)): Parts) -> Program {
    let calls = connect(calls, pools.len(), style);
    let mut numbering = Numbering { style, pools: pools.len(), gates: gates.len(), next: calls.len() };
    let mut calls = calls;
    for (index, call) in calls.iter_mut().enumerate() {
        let body = Arc::make_mut(&mut call.body);
        body.id = index;
        numbering.complete(body, call.at, 0);
        call.wait = calmed(call.wait, style);
        call.user %= users;
    }
    let bodies = numbering.next;

    let wild = style == Style::Wild;
    let mut acts: Vec<Vec<(u16, Act)>> = vec![Vec::new(); users];
    let mut groups = [Vec::new(), Vec::new()];
    for (index, call) in calls.iter().enumerate().filter(|(_, call)| call.keep != Keep::Moved) {
        if call.grouped && !call.mild && call.keep == Keep::Borrowed {
            groups[usize::from(call.rank) % 2].push(index);
        } else {
            acts[call.user].push((call.rank, Act::Use(index)));
        }
    }
    for (group, how) in groups.into_iter().zip([first, second]) {
        if let Some(index) = group.first() {
            let Call { user, rank, .. } = calls[*index];
            acts[user].push((rank, Act::UseList(group, calmed_list(how, style))));
        }
    }
    if wild {
        for (rank, act) in disturbances {
            acts[usize::from(rank) % users].push((rank, Act::Pool(on_pool(act, pools.len()))));
        }
    }
    let sorted = |mut acts: Vec<(u16, Act)>| {
        acts.sort_by_key(|(rank, _)| *rank);
        acts.into_iter().map(|(_, act)| act).collect()
    };
    let operate = |act| match act {
        Act::Pool(act) if wild => Some(Act::Pool(on_pool(act, pools.len()))),
        Act::Pool(_) => None,
        other => Some(other),
    };
    let operator = operator.into_iter().filter_map(operate).collect();
    if !wild {
        for pool in &mut pools {
            pool.workers = pool.workers.max(1);
            pool.last = pool.workers;
            pool.bound = pool.bound.map(|(bound, on_full)| match on_full {
                OnFull::Reject => (bound, OnFull::Block),
                other => (bound, other),
            });
        }
    }
    Program { style, pools, calls, gates, users: acts.into_iter().map(sorted).collect(), operator, bodies }
}

/// Gives each call arguments that there are, and a shape that can take them.
fn connect(mut calls: Vec<Call>, pools: usize, style: Style) -> Vec<Call> {
    let mut readers = vec![0_usize; calls.len()];
    let mut taken = vec![false; calls.len()];
    for index in 0..calls.len() {
        let mut shape = calls[index].shape;
        let picks = std::mem::take(&mut calls[index].args);
        let (least, most) = shape.arity();
        let mut args = Vec::new();
        if most > 0 {
            // What moves a handle takes one that nobody needs yet.
            let moves = shape.moves();
            for pick in &picks {
                let free = |other: &usize| !taken[*other] && !(moves && (readers[*other] > 0 || args.contains(other)));
                let all: Vec<_> = (0..index).filter(free).collect();
                if !all.is_empty() && args.len() < most {
                    args.push(all[all.len() - 1 - pick % all.len()]);
                }
            }
            if moves && args.len() > 1 && shape != Shape::Zip {
                let mild = calls[args[0]].mild;
                args.retain(|arg| calls[*arg].mild == mild);
            }
            if args.len() < least {
                shape = Shape::Call;
                args.truncate(2);
            }
        }
        for arg in &args {
            readers[*arg] += 1;
            taken[*arg] |= shape.moves();
            calls[*arg].last_reader = index;
        }
        let all_mild = args.iter().all(|arg| calls[*arg].mild);
        let at = match calls[index].at {
            _ if shape.follows() => follow(&calls[args[0]]),
            At::Pool(pool) => At::Pool(pool % pools),
            At::Own => At::Pool(index % pools),
            At::Global | At::Parallel if style == Style::Exact => At::Pool(index % pools),
            other => other,
        };
        let call = &mut calls[index];
        call.mild = match shape {
            // The error type stays.
            Shape::Map | Shape::AndThen | Shape::MapOk => all_mild,
            _ => call.mild && all_mild,
        };
        call.at = at;
        call.shape = shape;
        call.args = args;
        call.last_reader = index;
    }
    for (index, call) in calls.iter_mut().enumerate() {
        if taken[index] {
            call.keep = Keep::Moved;
        } else if call.keep == Keep::Moved && readers[index] != 1 {
            call.keep = Keep::Borrowed;
        }
    }
    calls
}

/// Where a method of that call's handle runs.
fn follow(call: &Call) -> At {
    if call.shape.has_no_body() { At::Global } else { call.at }
}

fn on_pool(act: PoolAct, pools: usize) -> PoolAct {
    match act {
        PoolAct::Resize(pool, workers) => PoolAct::Resize(pool % pools, workers),
        PoolAct::CancelQueued(pool) => PoolAct::CancelQueued(pool % pools),
        PoolAct::Close(pool) => PoolAct::Close(pool % pools),
        PoolAct::CloseTimeout(pool, micros) => PoolAct::CloseTimeout(pool % pools, micros),
        PoolAct::Drop(pool) => PoolAct::Drop(pool % pools),
    }
}

/// What the style leaves of a way to wait.
fn calmed(wait: Wait, style: Style) -> Wait {
    match (style, wait) {
        (Style::Calm | Style::Exact, Wait::Cancel) => Wait::Outcome,
        (Style::Exact, Wait::GetTimeout(_) | Wait::OutcomeTimeout(_) | Wait::Within(_)) => Wait::Get,
        (_, wait) => wait,
    }
}

fn calmed_list(wait: ListWait, style: Style) -> ListWait {
    match (style, wait) {
        (Style::Calm | Style::Exact, ListWait::Cancel | ListWait::First | ListWait::FirstOk) => ListWait::Outcomes,
        (Style::Calm | Style::Exact, ListWait::FirstTimeout(_)) => ListWait::AsCompleted,
        (Style::Exact, ListWait::GetTimeout(_)) => ListWait::Get,
        (_, wait) => wait,
    }
}

struct Numbering {
    style: Style,
    pools: usize,
    gates: usize,
    next: usize,
}

impl Numbering {
    fn complete(&mut self, body: &mut Body, home: At, depth: usize) {
        body.depth = depth;
        let steps = std::mem::take(&mut body.steps);
        body.steps = steps.into_iter().filter_map(|step| self.step(step, home, depth)).collect();
    }

    fn step(&mut self, step: Step, home: At, depth: usize) -> Option<Step> {
        let (wild, exact) = (self.style == Style::Wild, self.style == Style::Exact);
        Some(match step {
            Step::Yield(_) => step,
            Step::Nest { at, body, via, wait } => {
                let at = self.at(at, home);
                Step::Nest { at, body: self.nested(body, at, depth)?, via, wait: calmed(wait, self.style) }
            }
            Step::List { calls, wait } => {
                let complete = |(at, body)| {
                    let at = self.at(at, home);
                    self.nested(body, at, depth).map(|body| (at, body))
                };
                let calls: Vec<_> = calls.into_iter().filter_map(complete).collect();
                Step::List { calls, wait: calmed_list(wait, self.style) }
            }
            Step::Gate { .. } | Step::Promise { .. } if exact => return None,
            Step::Gate { gate, micros } => Step::Gate { gate: gate % self.gates, micros },
            Step::Promise { set, wait } => Step::Promise { set, wait: calmed(wait, self.style) },
            Step::Pool(_) if !wild => return None,
            Step::Pool(act) => match (on_pool(act, self.pools), home) {
                (PoolAct::Close(_) | PoolAct::Drop(_), At::Pool(own)) => Step::Pool(PoolAct::Close(own)),
                (PoolAct::Close(_) | PoolAct::Drop(_), _) => return None,
                (act, _) => Step::Pool(act),
            },
        })
    }

    fn at(&self, at: At, home: At) -> At {
        match at {
            _ if self.style == Style::Exact => home,
            At::Own => home,
            At::Pool(pool) => At::Pool(pool % self.pools),
            other => other,
        }
    }

    fn nested(&mut self, mut body: Arc<Body>, at: At, depth: usize) -> Option<Arc<Body>> {
        if self.next >= MOST_BODIES {
            return None;
        }
        let inner = Arc::make_mut(&mut body);
        inner.id = self.next;
        self.next += 1;
        self.complete(inner, at, depth + 1);
        Some(body)
    }
}

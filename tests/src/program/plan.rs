//! The parts of a program.

use std::fmt;
use std::sync::Arc;

use asynctools::OnFull;

/// The parts of programs that may be left out, to see which of them is at fault.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a feature of its own")]
pub struct Features {
    /// User code that the runtime runs: `Drop`, `Clone` and `From`.
    pub hooks: bool,
    /// Wakers that do more than wake.
    pub wakers: bool,
    /// Waits for earlier calls, across pools.
    pub waits: bool,
    /// Pools that calls own.
    pub owners: bool,
    /// Many calls that wait for one thing.
    pub crowds: bool,
    /// Threads that act at once on one pool.
    pub storms: bool,
}

impl Features {
    /// Nothing is left out.
    pub const ALL: Self = Self { hooks: true, wakers: true, waits: true, owners: true, crowds: true, storms: true };

    /// Leaves out the feature of that name; `None` if there is no such feature.
    #[must_use]
    pub fn without(mut self, name: &str) -> Option<Self> {
        let feature = match name {
            "hooks" => &mut self.hooks,
            "wakers" => &mut self.wakers,
            "waits" => &mut self.waits,
            "owners" => &mut self.owners,
            "crowds" => &mut self.crowds,
            "storms" => &mut self.storms,
            _ => return None,
        };
        *feature = false;
        Some(self)
    }
}

/// A whole program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) style: Style,
    pub(crate) pools: Vec<PoolPlan>,
    /// In the order in which they are made.
    pub(crate) calls: Vec<Call>,
    /// The promises that bodies wait for, set in this order; each number is the yields before one of them.
    pub(crate) gates: Vec<u8>,
    /// The acts of each thread that has handles.
    pub(crate) users: Vec<Vec<Act>>,
    /// The acts of the thread that never blocks.
    pub(crate) operator: Vec<Act>,
    /// The number of calls, nested ones included.
    pub(crate) bodies: usize,
    /// Many calls that wait for the same thing.
    pub(crate) crowds: Vec<Crowd>,
    /// Threads that act at once on one pool.
    pub(crate) storms: Vec<Storm>,
}

impl Program {
    /// Whether anything in the program asks calls to stop. Looked for in the text of the program: it is asked seldom.
    pub(crate) fn may_ask_to_stop(&self) -> bool {
        let text = format!("{self:?}");
        ["Stop", "First", "WindowPartly", "CloseTimeout"].iter().any(|word| text.contains(word))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn lines<T: fmt::Debug>(f: &mut fmt::Formatter<'_>, what: &str, all: &[T]) -> fmt::Result {
            all.iter().enumerate().try_for_each(|(index, one)| writeln!(f, "  {what} {index}: {one:?}"))
        }
        writeln!(f, "  {:?}, gates after {:?} yields, operator {:?}", self.style, self.gates, self.operator)?;
        lines(f, "pool", &self.pools)?;
        lines(f, "call", &self.calls)?;
        lines(f, "user", &self.users)?;
        lines(f, "crowd", &self.crowds)?;
        lines(f, "storm", &self.storms)
    }
}

/// How much a program leaves out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Style {
    /// Nothing.
    Wild,
    /// Everything that could end a call otherwise than its body does: each handle has one possible end.
    Calm,
    /// The same, and every wait for something outside the pool of the waiter: ceilings are exact.
    Exact,
}

#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    pub(crate) workers: usize,
    pub(crate) bound: Option<(usize, OnFull)>,
    pub(crate) idle_micros: Option<u16>,
    pub(crate) small_stack: bool,
    /// The number of workers that the program leaves the pool with.
    pub(crate) last: usize,
}

/// Where a call runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum At {
    /// On the pool of the call that makes this one; resolved once a program is complete.
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
    /// The call fails with `Mild`, which converts into `Bad`.
    pub(crate) mild: bool,
    pub(crate) body: Arc<Body>,
    /// How the handle is used up, by which thread, and when among the other acts of that thread.
    pub(crate) wait: Wait,
    pub(crate) user: usize,
    pub(crate) rank: u16,
    /// The handle is used up together with others, as a list.
    pub(crate) grouped: bool,
    /// The last of the later calls that need this one, or this call itself.
    pub(crate) last_reader: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// A closure without arguments.
    Spawn,
    /// An annotated function of up to two arguments, the second by reference.
    Call,
    /// An annotated function that takes its argument as a `Result`.
    Whole,
    /// An annotated function that takes a list: as a `Vec`, or as a slice.
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
    /// Whether the shape takes the handles themselves.
    pub(crate) fn moves(self) -> bool {
        use_of_args(self).1
    }

    /// Returns how many arguments the shape takes at least and at most.
    pub(crate) fn arity(self) -> (usize, usize) {
        use_of_args(self).0
    }

    /// Whether the shape is a method of a handle, which runs on the pool of the call before it.
    pub(crate) fn follows(self) -> bool {
        matches!(
            self,
            Self::Map | Self::AndThen | Self::MapOk | Self::Chain | Self::Zip | Self::ListMap | Self::ListChain
        )
    }

    /// Whether an `Err` of an argument is a value like any other.
    pub(crate) fn takes_results(self) -> bool {
        matches!(self, Self::Whole | Self::Map | Self::Zip | Self::ListMap)
    }

    /// Whether the call runs nothing.
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
    /// Unique in the program; the outer calls come first.
    pub(crate) id: usize,
    /// The call from outside that this body is, or is nested in.
    pub(crate) outer: usize,
    pub(crate) depth: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: Finish,
    /// The value of the call panics when it is cloned.
    pub(crate) brittle: bool,
    pub(crate) hooks: Hooks,
}

/// The user code that the runtime runs around a call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hooks {
    /// In the `Drop` of an argument, if the call never runs.
    pub(crate) argument: Option<Hook>,
    /// In the `Drop` of the result, the error or the payload, if no thread of the program takes it.
    pub(crate) result: Option<Hook>,
    /// In the `Clone` of the result.
    pub(crate) clone: Option<Hook>,
    /// In the conversion of the error.
    pub(crate) convert: Option<Hook>,
}

impl Hooks {
    pub(crate) fn all(&self) -> impl Iterator<Item = Hook> {
        [self.argument, self.result, self.clone, self.convert].into_iter().flatten()
    }
}

/// Only the hooks that there are.
impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks =
            [("argument", self.argument), ("result", self.result), ("clone", self.clone), ("convert", self.convert)];
        f.debug_map().entries(hooks.into_iter().filter_map(|(name, hook)| Some((name, hook?)))).finish()
    }
}

/// The actions of user code that the runtime runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hook {
    /// Makes a call and leaves it alone.
    Submit(At),
    /// Makes a call and waits for it.
    Wait(At),
    /// The same, for at most that many microseconds.
    Timed(At, u16),
    /// Waits for another call of the program.
    Await(usize),
    CancelQueued(usize),
    /// Only in `Drop`, in conversions and in wakers.
    Panic,
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

/// One step of a body.
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
    /// Waits for an earlier call of the program, for at most that many microseconds if there is a number.
    Await {
        call: usize,
        micros: Option<u16>,
    },
    /// Makes a pool, which calls of the pool and of others own.
    Own {
        own: Own,
        at: At,
    },
}

/// How a pool that calls own comes to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Own {
    /// A call of the pool drops the last owner.
    DropInside,
    /// A call of the pool waits for another call, which drops the last owner.
    DropElsewhere,
    /// The same, and the other call closes the pool.
    CloseElsewhere,
    /// Two such pools, whose calls close the pool of each other.
    CloseEachOther,
    /// The body drops the pool and then waits for its calls.
    DropHere,
    CloseHere,
}

/// Many calls at once, on pools of their own, and a limit on how many of them have begun and not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) workers: usize,
    pub(crate) calls: usize,
    pub(crate) waits_for: WaitsFor,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WaitsFor {
    /// A promise that is set when all calls were made, after that many yields.
    Promise(u8),
    /// The same, each for at most that many microseconds.
    PromiseTimed(u8, u16),
    /// A call of another pool, which yields that many times.
    Token(u8),
    /// A call on the next of so many pools with a full queue, and so on: the calls only submit it, or wait for it too.
    Chain { stages: usize, queue: usize, waits: bool },
}

/// Threads that act at once on one small pool, which has a worker, and a call in its queue if it is paused.
#[derive(Clone, Debug)]
pub(crate) struct Storm {
    pub(crate) workers: usize,
    pub(crate) paused: bool,
    /// The acts of each thread.
    pub(crate) threads: Vec<Vec<Gust>>,
}

/// One act of a thread in a storm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gust {
    Spawn,
    /// A call of another pool waits for a call of this one.
    Nest,
    Resize(usize),
    CancelQueued,
    RequestStop,
    /// Cancels the last call of the thread.
    Cancel,
    /// Waits for the end of the pool for at most that many microseconds.
    Close(u16),
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

/// How a handle is used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    Get,
    Outcome,
    /// Timed until the time is over, and then without a limit.
    GetTimeout(u16),
    OutcomeTimeout(u16),
    Within(u16),
    Ended,
    /// Asks that many times before it waits.
    TryGet(u8),
    /// Polled by hand: outside of calls until the value is ready, inside of calls that many times before a wait.
    Poll(u8),
    /// Polled by hand that many times, and then dropped.
    PollDrop(u8),
    /// Polled by hand with a waker that does this, outside of calls.
    Waker(Hook),
    /// Polled by hand with a waker that polls again, outside of calls.
    PollAgain,
    Cancel,
    /// Asked to stop, and then waited for.
    Stop,
    Drop,
    Detach,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ListWait {
    Get,
    Outcomes,
    Join,
    AsCompleted,
    /// At most that many ends.
    AsCompletedPartly(u8),
    /// Through a window of that many calls, in call order or as they end.
    Window(u8, Order),
    /// At most that many ends, the last number; then the window is dropped.
    WindowPartly(u8, Order, u8),
    GetTimeout(u16),
    FirstTimeout(u16),
    First,
    FirstOk,
    Cancel,
    /// Asked to stop, and then waited for.
    Stop,
    Drop,
}

/// The order in which a window gives its results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    OfCalls,
    OfEnds,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PoolAct {
    Resize(usize, usize),
    CancelQueued(usize),
    /// Cancels the queue, and asks what runs to stop.
    RequestStop(usize),
    /// Inside of calls only of their own pool.
    Close(usize),
    CloseTimeout(usize, u16),
    /// Outside of calls only.
    Drop(usize),
}

/// One act of a thread outside of all calls.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Yield(u8),
    Use(usize),
    UseList(Vec<usize>, ListWait),
    Pool(PoolAct),
}

//! How each call of a program may end: evaluated call by call, without a thread. The ends that were seen of earlier calls narrow
//! the ends of later calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use asynctools::OnFull;

use crate::program::plan::Act;
use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::Finish;
use crate::program::plan::Hook;
use crate::program::plan::Keep;
use crate::program::plan::ListWait;
use crate::program::plan::PoolAct;
use crate::program::plan::PoolPlan;
use crate::program::plan::Program;
use crate::program::plan::Shape;
use crate::program::plan::Step;
use crate::program::plan::Via;
use crate::program::plan::Wait;
use crate::seen::End;
use crate::seen::Ends;
use crate::seen::Kind;
use crate::seen::Seen;
use crate::value::CLONE;
use crate::value::CONVERT;

/// The events that can happen to a pool and to its calls.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Facts {
    /// The largest and the smallest number of workers.
    pub(crate) most: usize,
    pub(crate) least: usize,
    /// The number of calls made on the pool.
    pub(crate) calls: usize,
    pub(crate) closes: bool,
    drops: bool,
    cancels: bool,
    runs_here: bool,
    rejects_beyond: Option<usize>,
    /// A thread other than the one that pauses the pool resizes it.
    resized: bool,
    bounded: bool,
    /// A waiter can come back although no call of the pool has given up a permit.
    disturbed: bool,
}

impl Facts {
    /// Whether at most `most` calls ever run at once.
    pub(crate) fn is_exact(&self) -> bool {
        !self.disturbed && !self.closes && !self.cancels && self.most == self.least
    }

    /// Whether only the thread that pauses the pool ends a pause, and a submission never blocks its caller.
    pub(crate) fn stays_paused(&self) -> bool {
        !self.resized && !self.closes && !self.bounded
    }
}

/// The maker of a call.
#[derive(Clone, Copy)]
pub(crate) enum Maker {
    Outside,
    Call(At),
    /// A call that the new call follows.
    Edge(Option<At>),
}

#[derive(Debug)]
pub(crate) struct Oracle {
    program: Arc<Program>,
    facts: Vec<Facts>,
    /// Calls of the graph that a list may cancel.
    cancelled: BTreeSet<usize>,
    /// The system may refuse threads.
    scarce: bool,
}

impl Oracle {
    pub(crate) fn new(program: &Arc<Program>, scarce: bool) -> Self {
        let cancels = |wait: &ListWait| {
            let takes_first = matches!(wait, ListWait::First | ListWait::FirstOk | ListWait::FirstTimeout(_));
            takes_first || matches!(wait, ListWait::Cancel | ListWait::Stop | ListWait::WindowPartly(..))
        };
        let lists = program.users.iter().flatten().filter_map(|act| match act {
            Act::UseList(calls, wait) if cancels(wait) => Some(calls),
            _ => None,
        });
        let cancelled = lists.flatten().copied().collect();
        Self { program: program.clone(), facts: facts(program), cancelled, scarce }
    }

    pub(crate) fn facts(&self) -> &[Facts] {
        &self.facts
    }

    /// Returns how the calls from outside may end, given the ends that were seen of some of them.
    pub(crate) fn ends(&self, seen: &[Option<Seen>]) -> Vec<Ends> {
        let mut all: Vec<Ends> = Vec::with_capacity(self.program.calls.len());
        for (index, seen) in (0..self.program.calls.len()).zip(seen) {
            let mut ends = self.ends_of(index, &all);
            if let Some(seen) = seen {
                ends.retain(|end| seen.is(end));
            }
            all.push(ends);
        }
        all
    }

    fn ends_of(&self, index: usize, all: &[Ends]) -> Ends {
        let call = &self.program.calls[index];
        let mut ends = Ends::new();
        match call.shape {
            Shape::Ready | Shape::Promise(true) => return Ends::from([End::Value(index)]),
            Shape::Promise(false) => return Ends::from([End::Lost(Kind::Abandoned, 0)]),
            _ => {}
        }
        let by_itself = call.keep == Keep::Borrowed && (call.mild || !call.grouped);
        if by_itself && matches!(call.wait, Wait::Cancel | Wait::Stop) || self.cancelled.contains(&index) {
            ends.insert(End::Lost(Kind::Cancelled, 0));
        }
        let passes = |end: &End| match end {
            End::Value(_) => true,
            End::Failed(_) => call.shape.takes_results(),
            End::Lost(..) => false,
        };
        if !matches!(call.shape, Shape::Chain | Shape::ListChain) {
            // The first loss in call order counts.
            let hops = if call.shape == Shape::Zip { 2 } else { 1 };
            for (position, arg) in call.args.iter().enumerate() {
                if self.is_brittle(index, position) && all[*arg].contains(&End::Value(*arg)) {
                    ends.insert(End::Lost(Kind::Panicked(CLONE + arg), 0));
                }
                ends.extend(all[*arg].iter().filter(|end| !passes(end)).map(|end| match end {
                    End::Lost(kind, far) => End::Lost(*kind, far + hops),
                    End::Failed(origin) if self.breaks(index, *arg, *origin) => {
                        End::Lost(Kind::Panicked(CONVERT + origin), 0)
                    }
                    other => *other,
                }));
                if !all[*arg].iter().any(passes) {
                    return ends;
                }
            }
            for (position, arg) in call.args.iter().enumerate() {
                let only_value = !all[*arg].iter().any(|end| passes(end) && *end != End::Value(*arg));
                if self.is_brittle(index, position) && only_value {
                    ends.extend(self.losses(call.at, self.maker(index)));
                    return ends;
                }
            }
        }
        ends.insert(own_end(&call.body));
        ends.extend(self.losses(call.at, self.maker(index)));
        ends
    }

    /// Whether the value of the argument at `position` panics when it is cloned for the call.
    fn is_brittle(&self, index: usize, position: usize) -> bool {
        self.clones(index, position) && self.program.calls[self.program.calls[index].args[position]].body.brittle
    }

    /// Whether the error of `origin`, which `arg` passes on to `call`, panics when it is converted.
    fn breaks(&self, call: usize, arg: usize, origin: usize) -> bool {
        let calls = &self.program.calls;
        calls[arg].mild && !calls[call].mild && calls[origin].body.hooks.convert == Some(Hook::Panic)
    }

    fn maker(&self, index: usize) -> Maker {
        if self.program.calls[index].shape.follows() { Maker::Edge(None) } else { Maker::Outside }
    }

    /// Whether the argument at `position` is cloned for the call.
    pub(crate) fn clones(&self, index: usize, position: usize) -> bool {
        let call = &self.program.calls[index];
        match self.program.calls[call.args[position]].keep {
            Keep::Moved => false,
            Keep::Borrowed => true,
            // A parameter `&T` borrows from it.
            Keep::Shared => !(call.shape == Shape::Call && position == 1),
        }
    }

    /// Returns how a call that a body makes may end.
    pub(crate) fn nested(&self, body: &Body, at: At, home: At, via: Via, cancelled: bool) -> Ends {
        if cancelled {
            // A successful cancel shows this end only.
            return Ends::from([End::Lost(Kind::Cancelled, 0)]);
        }
        let mut ends = self.losses(at, Maker::Call(home));
        ends.insert(own_end(body));
        if matches!(via, Via::Itself | Via::Shared) {
            return ends;
        }
        if via == Via::Chain {
            ends = Ends::from([End::Value(body.id)]);
        }
        let on = |end| if let End::Lost(kind, far) = end { End::Lost(kind, far + 1) } else { end };
        let mut ends: Ends = ends.into_iter().map(on).collect();
        ends.extend(self.losses(at, Maker::Edge(Some(home))));
        ends
    }

    /// Returns how a call may end without a start.
    fn losses(&self, at: At, maker: Maker) -> Ends {
        let mut ends = Ends::new();
        if self.scarce {
            ends.insert(End::Lost(Kind::Refused, 0));
            // A wait in its body may end so.
            ends.insert(End::Lost(Kind::Deadlock, 0));
        }
        let At::Pool(pool) = at else { return ends };
        let facts = self.facts[pool];
        let inside = matches!(maker, Maker::Call(home) | Maker::Edge(Some(home)) if home == at);
        // A closed pool still takes the calls that its own calls make, but a paused pool that is closed ends them too.
        let refuses = !inside || facts.drops || facts.runs_here || facts.least == 0;
        if facts.closes && refuses {
            ends.insert(End::Lost(Kind::Closed, 0));
        }
        if facts.cancels {
            ends.insert(End::Lost(Kind::Cancelled, 0));
        }
        let bounded = !inside && !matches!(maker, Maker::Edge(_));
        if bounded && facts.rejects_beyond.is_some_and(|bound| facts.calls > bound + facts.least) {
            ends.insert(End::Lost(Kind::Rejected, 0));
        }
        ends
    }
}

/// Returns how a call ends that runs.
pub(crate) fn own_end(body: &Body) -> End {
    match body.end {
        Finish::Value => End::Value(body.id),
        Finish::Fail => End::Failed(body.id),
        Finish::Panic | Finish::PanicAny => End::Lost(Kind::Panicked(body.id), 0),
    }
}

fn facts(program: &Program) -> Vec<Facts> {
    let of_plan = |plan: &PoolPlan| Facts {
        most: plan.workers.max(plan.last),
        least: plan.workers.min(plan.last),
        calls: 0,
        closes: false,
        drops: false,
        cancels: false,
        runs_here: matches!(plan.bound, Some((_, OnFull::RunHere))),
        rejects_beyond: plan.bound.and_then(|(bound, on_full)| (on_full == OnFull::Reject).then_some(bound)),
        resized: false,
        bounded: plan.bound.is_some(),
        disturbed: false,
    };
    let mut facts: Vec<_> = program.pools.iter().map(of_plan).collect();
    for act in &program.operator {
        if let Act::Pool(act) = act {
            note(&mut facts, *act);
        }
    }
    for facts in &mut facts {
        facts.resized = false;
    }
    for act in program.users.iter().flatten() {
        if let Act::Pool(act) = act {
            note(&mut facts, *act);
        }
    }
    for call in program.calls.iter().filter(|call| !call.shape.has_no_body()) {
        walk(&mut facts, &call.body, call.at);
    }
    let wakers =
        program.calls.iter().filter_map(|call| if let Wait::Waker(hook) = call.wait { Some(hook) } else { None });
    for hook in wakers {
        note_hook(&mut facts, hook);
    }
    facts
}

fn note(facts: &mut [Facts], act: PoolAct) {
    match act {
        PoolAct::Resize(pool, workers) => {
            facts[pool].most = facts[pool].most.max(workers);
            facts[pool].least = facts[pool].least.min(workers);
            facts[pool].resized = true;
        }
        PoolAct::CancelQueued(pool) | PoolAct::RequestStop(pool) => facts[pool].cancels = true,
        PoolAct::Close(pool) | PoolAct::CloseTimeout(pool, _) => facts[pool].closes = true,
        PoolAct::Drop(pool) => {
            facts[pool].closes = true;
            facts[pool].drops = true;
        }
    }
}

/// A hook may run on any thread, and any number of times.
fn note_hook(facts: &mut [Facts], hook: Hook) {
    for facts in &mut *facts {
        facts.disturbed = true;
    }
    match hook {
        Hook::Submit(At::Pool(pool)) | Hook::Wait(At::Pool(pool)) | Hook::Timed(At::Pool(pool), _) => {
            facts[pool].calls += 1_000;
        }
        Hook::CancelQueued(pool) => facts[pool].cancels = true,
        _ => {}
    }
}

fn walk(facts: &mut [Facts], body: &Body, home: At) {
    for hook in body.hooks.all() {
        note_hook(facts, hook);
    }
    if let At::Pool(pool) = home {
        facts[pool].calls += 1;
    }
    let disturb = |facts: &mut [Facts]| {
        if let At::Pool(pool) = home {
            facts[pool].disturbed = true;
        }
    };
    for step in &body.steps {
        match step {
            Step::Yield(_) => {}
            Step::Nest { at, body, via, wait } => {
                let timed = matches!(wait, Wait::GetTimeout(_) | Wait::OutcomeTimeout(_) | Wait::Within(_));
                if *at != home || timed {
                    disturb(facts);
                }
                if let (At::Pool(pool), false) = (*at, matches!(via, Via::Itself | Via::Shared)) {
                    facts[pool].calls += 1;
                }
                walk(facts, body, *at);
            }
            Step::List { calls, wait } => {
                let timed = matches!(wait, ListWait::GetTimeout(_) | ListWait::FirstTimeout(_));
                for (at, body) in calls {
                    if *at != home || timed {
                        disturb(facts);
                    }
                    walk(facts, body, *at);
                }
            }
            Step::Gate { .. } | Step::Promise { .. } | Step::Await { .. } => disturb(facts),
            Step::Own { at, .. } => {
                disturb(facts);
                if let At::Pool(pool) = *at {
                    facts[pool].calls += 1;
                }
            }
            Step::Pool(act) => {
                disturb(facts);
                note(facts, *act);
            }
        }
    }
}

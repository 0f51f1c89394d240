//! How drawn parts become a program: every number is made to name something that exists.

use std::sync::Arc;

use asynctools::OnFull;

use crate::program::plan::Act;
use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::Call;
use crate::program::plan::Crowd;
use crate::program::plan::Features;
use crate::program::plan::Hook;
use crate::program::plan::Hooks;
use crate::program::plan::Keep;
use crate::program::plan::ListWait;
use crate::program::plan::PoolAct;
use crate::program::plan::PoolPlan;
use crate::program::plan::Program;
use crate::program::plan::Shape;
use crate::program::plan::Step;
use crate::program::plan::Storm;
use crate::program::plan::Style;
use crate::program::plan::Wait;

/// The largest number of calls in a program.
const MOST_BODIES: usize = 60;

type Lists = (usize, ListWait, ListWait);
type Parts = (Style, Vec<PoolPlan>, Vec<Call>, Vec<u8>, Vec<(u16, PoolAct)>, Vec<Act>, Lists, Vec<Crowd>, Vec<Storm>);

/// Makes a program of the drawn parts: every number names something that exists.
pub(crate) fn complete(
    (style, mut pools, calls, gates, disturbances, operator, (users, first, second), mut crowds, mut storms): Parts,
    features: Features,
) -> Program {
    let wild = style == Style::Wild;
    let mut calls = connect(calls, pools.len(), style);
    let operate = |act| match act {
        Act::Pool(act) if wild => Some(Act::Pool(on_pool(act, pools.len()))),
        Act::Pool(_) => None,
        other => Some(other),
    };
    let operator: Vec<_> = operator.into_iter().filter_map(operate).collect();
    let shared = calls.iter().enumerate().filter(|(_, call)| call.keep == Keep::Shared);
    let mut numbering = Numbering {
        style,
        features,
        pools: pools.len(),
        steady: steady(&pools, &operator, style),
        shared: shared.map(|(index, _)| index).collect(),
        gates: gates.len(),
        outer: 0,
        next: calls.len(),
    };
    for (index, call) in calls.iter_mut().enumerate() {
        let body = Arc::make_mut(&mut call.body);
        body.id = index;
        numbering.outer = index;
        numbering.complete(body, call.at, 0);
        if call.last_reader != index && body.hooks.result == Some(Hook::Panic) {
            // A body would panic in the drop of its argument, and not as the program says.
            body.hooks.result = None;
        }
        call.wait = numbering.wait(call.wait);
        call.user %= users;
    }
    let bodies = numbering.next;
    if !features.crowds {
        crowds.clear();
    }
    if !features.storms {
        storms.clear();
    }
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
    let users = acts.into_iter().map(sorted).collect();
    Program { style, pools, calls, gates, users, operator, bodies, crowds, storms }
}

/// Returns the pools that are never paused: user code that the thread which pauses pools may run waits only for calls on these.
fn steady(pools: &[PoolPlan], operator: &[Act], style: Style) -> Vec<usize> {
    let paused =
        |pool: usize| operator.iter().any(|act| matches!(act, Act::Pool(PoolAct::Resize(at, 0)) if *at == pool));
    let is_steady = |pool: &usize| (pools[*pool].workers > 0 || style != Style::Wild) && !paused(*pool);
    (0..pools.len()).filter(is_steady).collect()
}

/// Gives each call earlier calls as arguments, and a shape that can take them.
fn connect(mut calls: Vec<Call>, pools: usize, style: Style) -> Vec<Call> {
    let mut readers = vec![0_usize; calls.len()];
    let mut taken = vec![false; calls.len()];
    for index in 0..calls.len() {
        let mut shape = calls[index].shape;
        let picks = std::mem::take(&mut calls[index].args);
        let (least, most) = shape.arity();
        let mut args = Vec::new();
        if most > 0 {
            // A shape that moves its handles takes handles that no other call needs.
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

/// Returns where a method of the call's handle runs.
fn follow(call: &Call) -> At {
    if call.shape.has_no_body() { At::Global } else { call.at }
}

fn on_pool(act: PoolAct, pools: usize) -> PoolAct {
    match act {
        PoolAct::Resize(pool, workers) => PoolAct::Resize(pool % pools, workers),
        PoolAct::CancelQueued(pool) => PoolAct::CancelQueued(pool % pools),
        PoolAct::RequestStop(pool) => PoolAct::RequestStop(pool % pools),
        PoolAct::Close(pool) => PoolAct::Close(pool % pools),
        PoolAct::CloseTimeout(pool, micros) => PoolAct::CloseTimeout(pool % pools, micros),
        PoolAct::Drop(pool) => PoolAct::Drop(pool % pools),
    }
}

/// Replaces a wait that the style leaves out.
fn calmed(wait: Wait, style: Style) -> Wait {
    match (style, wait) {
        (Style::Calm | Style::Exact, Wait::Cancel | Wait::Stop) => Wait::Outcome,
        (Style::Exact, Wait::GetTimeout(_) | Wait::OutcomeTimeout(_) | Wait::Within(_)) => Wait::Get,
        (Style::Exact, Wait::Waker(_)) => Wait::PollAgain,
        (_, wait) => wait,
    }
}

fn calmed_list(wait: ListWait, style: Style) -> ListWait {
    match (style, wait) {
        (Style::Calm | Style::Exact, ListWait::Cancel | ListWait::Stop | ListWait::First | ListWait::FirstOk) => {
            ListWait::Outcomes
        }
        (Style::Calm | Style::Exact, ListWait::FirstTimeout(_)) => ListWait::AsCompleted,
        (Style::Calm | Style::Exact, ListWait::WindowPartly(size, order, _)) => ListWait::Window(size, order),
        (Style::Exact, ListWait::GetTimeout(_)) => ListWait::Get,
        (_, wait) => wait,
    }
}

struct Numbering {
    style: Style,
    features: Features,
    pools: usize,
    /// The pools that are never paused.
    steady: Vec<usize>,
    /// The calls from outside with a handle for many readers.
    shared: Vec<usize>,
    gates: usize,
    /// The call from outside whose body is completed.
    outer: usize,
    next: usize,
}

impl Numbering {
    fn complete(&mut self, body: &mut Body, home: At, depth: usize) {
        body.depth = depth;
        body.outer = self.outer;
        let Hooks { argument, result, clone, convert } = body.hooks;
        // A call that was made before does not depend on the end at which these run.
        let early = |hook: Option<Hook>| hook.and_then(|hook| self.hook(hook, self.outer));
        // The argument of a call from outside is dropped when that call has ended: any other call may be waited for.
        let limit = if depth == 0 { usize::MAX } else { self.outer };
        let argument = argument.and_then(|hook| self.hook(hook, limit));
        body.hooks = Hooks { argument, result: early(result), clone: early(clone), convert: early(convert) };
        let steps = std::mem::take(&mut body.steps);
        body.steps = steps.into_iter().filter_map(|step| self.step(step, home, depth)).collect();
    }

    fn step(&mut self, step: Step, home: At, depth: usize) -> Option<Step> {
        let (wild, exact) = (self.style == Style::Wild, self.style == Style::Exact);
        Some(match step {
            Step::Yield(_) => step,
            Step::Nest { at, body, via, wait } => {
                let at = self.at(at, home);
                Step::Nest { at, body: self.nested(body, at, depth)?, via, wait: self.wait(wait) }
            }
            Step::List { calls, wait } => {
                let complete = |(at, body)| {
                    let at = self.at(at, home);
                    self.nested(body, at, depth).map(|body| (at, body))
                };
                let calls: Vec<_> = calls.into_iter().filter_map(complete).collect();
                Step::List { calls, wait: calmed_list(wait, self.style) }
            }
            Step::Gate { .. } | Step::Promise { .. } | Step::Await { .. } | Step::Own { .. } if exact => return None,
            Step::Gate { gate, micros } => Step::Gate { gate: gate % self.gates, micros },
            Step::Promise { set, wait } => Step::Promise { set, wait: self.wait(wait) },
            Step::Await { .. } if !self.features.waits => return None,
            Step::Own { .. } if !self.features.owners => return None,
            // Only calls that were made before, so that no two wait for each other.
            Step::Await { call, micros } => Step::Await { call: self.earlier(call, self.outer)?, micros },
            Step::Own { own, at } => Step::Own { own, at: self.at(at, home) },
            Step::Pool(_) if !wild => return None,
            Step::Pool(act) => match (on_pool(act, self.pools), home) {
                (PoolAct::Close(_) | PoolAct::Drop(_), At::Pool(own)) => Step::Pool(PoolAct::Close(own)),
                (PoolAct::Close(_) | PoolAct::Drop(_), _) => return None,
                (act, _) => Step::Pool(act),
            },
        })
    }

    fn wait(&self, wait: Wait) -> Wait {
        match calmed(wait, self.style) {
            Wait::Waker(_) | Wait::PollAgain if !self.features.wakers => Wait::Poll(3),
            Wait::Waker(hook) => self.hook_at(hook, self.outer).map_or(Wait::PollAgain, Wait::Waker),
            wait => wait,
        }
    }

    /// Returns what the style and the features leave of a hook.
    fn hook(&self, hook: Hook, before: usize) -> Option<Hook> {
        if self.features.hooks { self.hook_at(hook, before) } else { None }
    }

    /// Returns a call with a handle for many readers that is made before that one.
    fn earlier(&self, pick: usize, before: usize) -> Option<usize> {
        let earlier = self.shared.iter().filter(|shared| **shared < before).count();
        Some(self.shared[pick.checked_rem(earlier)?])
    }

    fn hook_at(&self, hook: Hook, before: usize) -> Option<Hook> {
        let at = |at| match at {
            At::Pool(pool) if !self.steady.is_empty() => At::Pool(self.steady[pool % self.steady.len()]),
            At::Own | At::Pool(_) => At::Parallel,
            other => other,
        };
        match (hook, self.style) {
            (_, Style::Exact) | (Hook::Panic | Hook::CancelQueued(_), Style::Calm) => None,
            (Hook::Await(call), _) => Some(Hook::Await(self.earlier(call, before)?)),
            (Hook::Submit(to), _) => Some(Hook::Submit(at(to))),
            (Hook::Wait(to), _) => Some(Hook::Wait(at(to))),
            (Hook::Timed(to, micros), _) => Some(Hook::Timed(at(to), micros)),
            (Hook::CancelQueued(pool), _) => Some(Hook::CancelQueued(pool % self.pools)),
            (Hook::Panic, _) => Some(Hook::Panic),
        }
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

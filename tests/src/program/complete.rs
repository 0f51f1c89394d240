//! How drawn parts become a program: every number is made to name something that exists.

use std::sync::Arc;

use asynctools::OnFull;

use crate::program::plan::Act;
use crate::program::plan::At;
use crate::program::plan::Body;
use crate::program::plan::Call;
use crate::program::plan::Keep;
use crate::program::plan::ListWait;
use crate::program::plan::PoolAct;
use crate::program::plan::PoolPlan;
use crate::program::plan::Program;
use crate::program::plan::Shape;
use crate::program::plan::Step;
use crate::program::plan::Style;
use crate::program::plan::Wait;

/// The largest number of calls in a program.
const MOST_BODIES: usize = 60;

type Parts = (Style, Vec<PoolPlan>, Vec<Call>, Vec<u8>, Vec<(u16, PoolAct)>, Vec<Act>, (usize, ListWait, ListWait));

/// Makes a program of the drawn parts: every number names something that exists.
pub(crate) fn complete(
    (style, mut pools, calls, gates, disturbances, operator, (users, first, second)): Parts,
) -> Program {
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
        PoolAct::Close(pool) => PoolAct::Close(pool % pools),
        PoolAct::CloseTimeout(pool, micros) => PoolAct::CloseTimeout(pool % pools, micros),
        PoolAct::Drop(pool) => PoolAct::Drop(pool % pools),
    }
}

/// Replaces a wait that the style leaves out.
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

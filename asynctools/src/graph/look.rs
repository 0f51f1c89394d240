//! The look along the needs of blocked calls: does anything move that could end their waits?

use std::collections::HashSet;
use std::sync::Arc;

use crate::graph::blocked;
use crate::graph::blocked::BlockedOn;
use crate::graph::registry;
use crate::graph::traits::Awaited;
use crate::graph::traits::Outlook;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::graph::traits::Survey;
use crate::graph::traits::ThreadNumber;
use crate::graph::waiters::address;

// Implementation
//
// A blocked thread needs a call, room in the queue of a pool, or the end of a pool. A call needs the thread that runs it, or the
// arguments that it waits for. Room in a queue, and the end of a pool, need the threads of the pool. The look follows these
// needs, each once, and takes no lock for longer than one step. It may be out of date when it returns: whoever blocks last looks
// last, so that a circle is seen by the thread that closes it.

/// What a look has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// Something runs, or may begin; or the look cannot see it.
    Moves,
    /// A way ends at a promise, or at a paused pool: the program will go on with it.
    Promised,
    /// Nothing moves on any of the ways.
    Stuck,
}

enum Step {
    Thread(ThreadNumber),
    Call(Arc<dyn Awaited>),
    /// `closer` waits for the end of the pool, if that is what is needed.
    Pool(Arc<dyn Scheduler>, Option<ThreadNumber>),
}

/// After that many steps a look is given up: with so many calls in the game, something moves.
const STEPS: usize = 100_000;

#[derive(Default)]
struct Look {
    /// Each step with the place of the one that needs it.
    steps: Vec<(Step, usize)>,
    calls: HashSet<usize>,
    threads: HashSet<ThreadNumber>,
    pools: HashSet<PoolId>,
    moves: bool,
    promised: bool,
}

impl Look {
    fn thread(&mut self, thread: ThreadNumber, from: usize) {
        if self.threads.insert(thread) {
            self.steps.push((Step::Thread(thread), from));
        }
    }

    fn call(&mut self, call: Arc<dyn Awaited>, from: usize) {
        if self.calls.insert(address(&call)) {
            self.steps.push((Step::Call(call), from));
        }
    }

    /// Takes the step at `at`; `false` when there is none.
    fn step(&mut self, at: usize) -> bool {
        match self.steps.get(at).map(|(step, _)| step) {
            None => return false,
            Some(&Step::Thread(thread)) => match blocked::of(thread) {
                None => self.moves = true,
                Some(BlockedOn::Call(call)) => self.call(call, at),
                Some(BlockedOn::Room(pool)) => self.pool(pool, None, at),
                Some(BlockedOn::End(pool)) => self.pool(pool, Some(thread), at),
            },
            Some(Step::Call(call)) => {
                let mut needs = Vec::new();
                match call.clone().survey(&mut |_| None, &mut needs) {
                    Survey::Ended | Survey::Unseen => self.moves = true,
                    Survey::Running(thread) => self.thread(thread, at),
                    Survey::Promised => self.promised = true,
                    // A call that a blocked call needs is served beyond the limit of its pool.
                    Survey::Queued(job) => match registry::find(job.pool()).map(|pool| pool.outlook(&mut Vec::new())) {
                        Some(Outlook::Paused) => self.promised = true,
                        _ => self.moves = true,
                    },
                    Survey::Waiting => needs.into_iter().for_each(|need| self.call(need, at)),
                }
            }
            Some(Step::Pool(pool, _)) => {
                let mut threads = Vec::new();
                match pool.outlook(&mut threads) {
                    Outlook::Moves => self.moves = true,
                    Outlook::Paused => self.promised = true,
                    Outlook::Blocked => threads.into_iter().for_each(|thread| self.thread(thread, at)),
                }
            }
        }
        self.moves |= at > STEPS;
        true
    }

    fn pool(&mut self, pool: Arc<dyn Scheduler>, closer: Option<ThreadNumber>, from: usize) {
        if closer.is_some() || self.pools.insert(pool.id()) {
            self.steps.push((Step::Pool(pool, closer), from));
        }
    }

    fn view(&self) -> View {
        match (self.promised, self.moves) {
            (true, _) => View::Promised,
            (false, true) => View::Moves,
            (false, false) => View::Stuck,
        }
    }
}

/// Says what the calls of `threads`, which are blocked, wait for in the end.
pub(crate) fn view(threads: Vec<ThreadNumber>) -> View {
    let mut look = Look::default();
    threads.into_iter().for_each(|thread| look.thread(thread, 0));
    let mut at = 0;
    while at <= STEPS && look.step(at) {
        at += 1;
    }
    look.view()
}

/// Whether the end of `pool` needs the current thread, or one of `others`.
pub(crate) fn does_end_need(pool: Arc<dyn Scheduler>, others: &[ThreadNumber]) -> bool {
    let mut look = Look::default();
    look.pool(pool, None, 0);
    let own = blocked::this_thread();
    let mut at = 0;
    loop {
        // What a pool that still moves needs counts too: its blocked calls wait for this thread as well.
        if let Some((Step::Pool(pool, _), _)) = look.steps.get(at) {
            let mut threads = Vec::new();
            pool.outlook(&mut threads);
            threads.into_iter().for_each(|thread| look.thread(thread, at));
        }
        if at > STEPS || !look.step(at) {
            return false;
        }
        if look.threads.contains(&own) || others.iter().any(|other| look.threads.contains(other)) {
            return true;
        }
        at += 1;
    }
}

/// Called by a thread that has just blocked: if calls are blocked on pools, ends the waits that could never end. A `close` that
/// waits for itself returns; a pool whose calls all wait for room lends a permit.
pub(crate) fn unstick() {
    if !blocked::is_any_held_up() {
        return;
    }
    let own = blocked::this_thread();
    let mut look = Look::default();
    // Entered as a step, and not as seen: the way back to it is a circle.
    look.steps.push((Step::Thread(own), 0));
    let mut at = 0;
    let mut circle = None;
    while (!look.moves || blocked::is_any_closing()) && look.step(at) {
        if circle.is_none() && at > 0 && matches!(look.steps[at].0, Step::Thread(thread) if thread == own) {
            circle = Some(at);
        }
        at += 1;
    }
    let mut way = circle;
    while let Some(step) = way.filter(|step| *step > 0) {
        if let (Step::Pool(pool, Some(closer)), _) = &look.steps[step] {
            return pool.release_closer(*closer);
        }
        way = Some(look.steps[step].1);
    }
    if look.view() == View::Stuck {
        for (step, _) in look.steps {
            if let Step::Pool(pool, _) = step {
                pool.unstick();
            }
        }
    }
}

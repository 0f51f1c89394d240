//! The look along the needs of blocked calls: does anything move, so that their waits can end?

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
// needs, each once and however many there are, and takes no lock for longer than one step. It may be out of date when it returns: whoever blocks last looks
// last, so that a circle is seen by the thread that closes it.

/// The finding of a look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// A call runs, or may begin, or the look cannot see the state of a call.
    Moves,
    /// A way ends at a promise, or at a paused pool: the program can set the promise, or resume the pool.
    Promised,
    /// Nothing moves on any of the ways.
    Stuck,
}

enum Step {
    Thread(ThreadNumber),
    Call(Arc<dyn Awaited>),
    /// A pool, of which something has to begin or to end.
    Pool(Arc<dyn Scheduler>, Why),
}

/// The need of something of a pool.
#[derive(Clone, Copy)]
enum Why {
    /// A queued call begins, or the queue gets room, since a call has begun. A blocked call does not stand in the way:
    /// the pool lends the permit of the blocked call.
    Begins,
    /// All threads of the pool end. The number is of the thread in `close`, if a thread waits there.
    Ends(Option<ThreadNumber>),
}

/// The question of a look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    WhatMoves,
    /// Which threads have to go on: the needs that no pool can meet by lending a permit.
    WhoIsNeeded,
}

struct Look {
    question: Question,
    /// Each step, with the index of the earlier step in need of this step.
    steps: Vec<(Step, usize)>,
    calls: HashSet<usize>,
    threads: HashSet<ThreadNumber>,
    pools: HashSet<PoolId>,
    moves: bool,
    promised: bool,
}

impl Look {
    fn new(question: Question) -> Self {
        Self {
            question,
            steps: Vec::new(),
            calls: HashSet::new(),
            threads: HashSet::new(),
            pools: HashSet::new(),
            moves: false,
            promised: false,
        }
    }

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

    fn pool(&mut self, pool: Arc<dyn Scheduler>, why: Why, from: usize) {
        if matches!(why, Why::Ends(_)) || self.pools.insert(pool.id()) {
            self.steps.push((Step::Pool(pool, why), from));
        }
    }

    /// Takes the step at `at`; `false` when there is none.
    fn step(&mut self, at: usize) -> bool {
        match self.steps.get(at).map(|(step, _)| step) {
            None => return false,
            Some(&Step::Thread(thread)) => match blocked::of(thread) {
                None => self.moves = true,
                Some(BlockedOn::Call(call)) => self.call(call, at),
                Some(BlockedOn::Room(pool)) => self.pool(pool, Why::Begins, at),
                Some(BlockedOn::End(pool)) => self.pool(pool, Why::Ends(Some(thread)), at),
            },
            Some(Step::Call(call)) => {
                let mut needs = Vec::new();
                match call.clone().survey(&mut |_| None, &mut needs) {
                    Survey::Ended | Survey::Unseen => self.moves = true,
                    Survey::Running(thread) => self.thread(thread, at),
                    Survey::Promised => self.promised = true,
                    // A thread takes it, or one that took another call for the same waiter is blocked with that.
                    Survey::Queued(job) => match registry::find(job.pool()) {
                        Some(pool) => self.pool(pool, Why::Begins, at),
                        None => self.moves = true,
                    },
                    Survey::Waiting => {
                        needs.retain(|need| !need.is_done());
                        // The last one has just ended, and is passed on.
                        self.moves |= needs.is_empty();
                        for need in needs {
                            self.call(need, at);
                        }
                    }
                }
            }
            Some(Step::Pool(pool, why)) => {
                let mut threads = Vec::new();
                let outlook = pool.outlook(&mut threads);
                let all_needed = self.question == Question::WhoIsNeeded && matches!(why, Why::Ends(_));
                match outlook {
                    _ if all_needed => threads.into_iter().for_each(|thread| self.thread(thread, at)),
                    _ if self.question == Question::WhoIsNeeded => {}
                    Outlook::Moves => self.moves = true,
                    Outlook::Paused => self.promised = true,
                    Outlook::Blocked => threads.into_iter().for_each(|thread| self.thread(thread, at)),
                }
            }
        }
        true
    }

    /// The nearest wait for the end of a pool on the way to the step at `at`.
    fn closer_before(&self, mut at: usize) -> Option<(&Arc<dyn Scheduler>, ThreadNumber)> {
        while at > 0 {
            let (step, from) = self.steps.get(at)?;
            if let Step::Pool(pool, Why::Ends(Some(closer))) = step {
                return Some((pool, *closer));
            }
            at = *from;
        }
        None
    }
}

/// Says what the calls of `threads`, which are blocked, wait for in the end.
pub(crate) fn view(threads: Vec<ThreadNumber>) -> View {
    let mut look = Look::new(Question::WhatMoves);
    for thread in threads {
        look.thread(thread, 0);
    }
    let mut at = 0;
    while look.step(at) {
        at += 1;
    }
    match (look.promised, look.moves) {
        (true, _) => View::Promised,
        (false, true) => View::Moves,
        (false, false) => View::Stuck,
    }
}

/// Whether the end of `pool` needs the current thread, or any of `others`.
pub(crate) fn does_end_need(pool: Arc<dyn Scheduler>, others: &[ThreadNumber]) -> bool {
    let own = blocked::this_thread();
    let mut look = Look::new(Question::WhoIsNeeded);
    look.pool(pool, Why::Ends(None), 0);
    let mut at = 0;
    while look.step(at) {
        if look.threads.contains(&own) || others.iter().any(|other| look.threads.contains(other)) {
            return true;
        }
        at += 1;
    }
    false
}

/// Called by a thread that has just blocked: if calls are blocked on pools, ends the waits that could never end. A `close` that
/// waits for itself returns; a pool whose calls all wait for room lends a permit.
pub(crate) fn unstick() {
    if blocked::is_any_closing() {
        release_circle();
    }
    if blocked::is_any_held_up() {
        lend_where_stuck();
    }
}

/// Ends a `close` in a circle: the end of the pool needs the current thread, and the current thread needs the end of
/// `close`.
fn release_circle() {
    let own = blocked::this_thread();
    let mut look = Look::new(Question::WhoIsNeeded);
    // Entered as a step, and not as seen: the way back to it is a circle.
    look.steps.push((Step::Thread(own), 0));
    let mut at = 0;
    while look.step(at) {
        at += 1;
        if matches!(look.steps.get(at), Some((Step::Thread(thread), _)) if *thread == own) {
            if let Some((pool, closer)) = look.closer_before(at) {
                pool.release_closer(closer);
            }
            return;
        }
    }
}

/// Has the pools lend a permit from which the current thread needs something, if nothing moves in any of them.
fn lend_where_stuck() {
    let mut look = Look::new(Question::WhatMoves);
    look.thread(blocked::this_thread(), 0);
    let mut at = 0;
    while !look.moves && look.step(at) {
        at += 1;
    }
    if !look.moves && !look.promised {
        for (step, _) in look.steps {
            if let Step::Pool(pool, _) = step {
                pool.unstick();
            }
        }
    }
}

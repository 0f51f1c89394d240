//! The calls needed by a blocked worker. The worker, or a spare in its place, runs these calls next.

use std::collections::HashSet;
use std::sync::Arc;

use crate::graph::registry;
use crate::graph::traits::Awaited;
use crate::graph::traits::BlockedWorker;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Needs;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::graph::waiters::address;
use crate::panics::lock;
use crate::sync::Instant;
use crate::sync::Mutex;

/// All calls needed by a wait, by their pools.
pub(crate) struct Agenda {
    owner: Arc<dyn BlockedWorker>,
    /// The calls of the owner's own pool. The owner runs these calls, where the stack allows.
    own: Arc<Part>,
    /// The calls of other pools, whose threads run these calls.
    others: Mutex<Vec<Arc<Part>>>,
}

/// The calls of a wait in one pool.
pub(crate) struct Part {
    owner: Arc<dyn BlockedWorker>,
    pool: PoolId,
    runner: Runner,
    ready: Mutex<Ready>,
    /// Calls still without their arguments. Each of these calls tells this part when the arguments are there.
    surveyed: Mutex<Needs>,
}

/// The runner of the calls of a part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runner {
    Owner,
    /// A thread of the calls' own pool.
    Pool,
}

#[derive(Default)]
struct Ready {
    calls: Vec<Arc<dyn Job>>,
    /// Surveyed calls with new needs: an argument of such a call has brought another call.
    changed: Needs,
    attendant: Attendant,
    starved: bool,
}

/// The thread in charge of the ready calls.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Attendant {
    /// The owner is awake.
    #[default]
    Owner,
    /// The owner is blocked, and is woken for the next call, or has a thread of the pool come.
    Nobody,
    /// A spare runs the calls, and will ask for the next call.
    Spare,
    /// The wait is over.
    Over,
}

impl Agenda {
    /// Makes the agenda of a wait of `owner`, a worker of `pool`.
    pub(crate) fn new(owner: Arc<dyn BlockedWorker>, pool: PoolId) -> Arc<Self> {
        let own = Part::new(owner.clone(), pool, Runner::Owner);
        Arc::new(Self { owner, own, others: Mutex::default() })
    }

    /// Whether `worker` owns the agenda.
    pub(crate) fn is_of(&self, worker: &Arc<dyn BlockedWorker>) -> bool {
        Arc::ptr_eq(&self.owner, worker)
    }

    /// The calls of the owner's own pool.
    pub(crate) fn own(&self) -> &Arc<Part> {
        &self.own
    }

    fn part(&self, pool: PoolId) -> Option<Arc<Part>> {
        if pool == PoolId::NONE {
            return None;
        }
        if pool == self.own.pool {
            return Some(self.own.clone());
        }
        let mut others = lock(&self.others);
        if let Some(part) = others.iter().find(|part| part.pool == pool) {
            return Some(part.clone());
        }
        let part = Part::new(self.owner.clone(), pool, Runner::Pool);
        others.push(part.clone());
        Some(part)
    }

    /// Collects the runnable calls among `calls` and all their needs, and listens to the others. Lists the needs of
    /// each call once, so a chain, a list or a diamond of any size takes linear time. Gives up at `deadline`, and returns whether
    /// it came to the end.
    pub(crate) fn survey(&self, calls: Needs, deadline: Option<Instant>) -> bool {
        let mut seen = HashSet::new();
        let mut found: Vec<Found> = Vec::new();
        let mut open = calls;
        let mut steps = 0_u32;
        let mut is_whole = true;
        while let Some(call) = open.pop() {
            if call.is_done() || !seen.insert(address(&call)) {
                continue;
            }
            steps += 1;
            if steps.is_multiple_of(LOOKS) && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                is_whole = false;
                break;
            }
            let mut told = None;
            let mut helper = |pool| {
                told = self.part(pool);
                told.clone().map(|part| -> Arc<dyn Helper> { part })
            };
            match call.clone().survey(&mut helper, &mut open) {
                Survey::Queued(job) => {
                    let Some(part) = self.part(job.pool()) else { continue };
                    match found.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &part)) {
                        Some((_, jobs)) => jobs.push(job),
                        None => found.push((part, vec![job])),
                    }
                }
                Survey::Waiting => {
                    if let Some(part) = told {
                        lock(&part.surveyed).push(call);
                    }
                }
                Survey::Ended | Survey::Running(_) | Survey::Promised | Survey::Unseen => {}
            }
        }
        for (part, mut jobs) in found {
            // Popped from the end: what stands first was found last, and so comes first.
            lock(&part.ready).calls.append(&mut jobs);
        }
        is_whole
    }

    /// Whether a call has come to need others, and was not surveyed since.
    pub(crate) fn has_changes(&self) -> bool {
        let has_changes = |part: &Part| !lock(&part.ready).changed.is_empty();
        has_changes(&self.own) || lock(&self.others).iter().any(|part| has_changes(part))
    }

    /// Surveys the calls with new needs.
    pub(crate) fn survey_changes(&self) {
        let mut changed = std::mem::take(&mut lock(&self.own.ready).changed);
        for part in &*lock(&self.others) {
            changed.append(&mut lock(&part.ready).changed);
        }
        if !changed.is_empty() {
            self.survey(changed, None);
        }
    }

    /// Tells other pools which of their calls the owner needs, when the owner has blocked.
    pub(crate) fn ask_others(&self) {
        let others: Vec<_> = lock(&self.others).clone();
        for part in others {
            if part.hand_over() {
                part.unattend();
                part.ask();
            }
        }
    }

    /// Whether a thread was refused without which the wait cannot end.
    pub(crate) fn is_starved(&self) -> bool {
        lock(&self.own.ready).starved || lock(&self.others).iter().any(|part| lock(&part.ready).starved)
    }

    /// The wait is over: leaves nothing behind in the calls that were surveyed.
    pub(crate) fn finish(&self) {
        self.own.finish();
        for part in std::mem::take(&mut *lock(&self.others)) {
            part.finish();
        }
    }
}

/// The ready calls found by a survey for a part.
type Found = (Arc<Part>, Vec<Arc<dyn Job>>);

/// A survey looks at the clock after each `LOOKS` calls.
const LOOKS: u32 = 256;

impl Part {
    fn new(owner: Arc<dyn BlockedWorker>, pool: PoolId, runner: Runner) -> Arc<Self> {
        Arc::new(Self { owner, pool, runner, ready: Mutex::default(), surveyed: Mutex::default() })
    }

    /// The next call, for the owner.
    pub(crate) fn pop(&self) -> Option<Arc<dyn Job>> {
        lock(&self.ready).calls.pop()
    }

    /// Asks the pool of these calls for a thread.
    fn ask(self: &Arc<Self>) {
        if let Some(pool) = registry::find(self.pool) {
            pool.serve(self.clone());
        }
    }

    /// Wakes the runner for a ready or changed call, where no spare is in charge.
    fn alert(self: &Arc<Self>) {
        match self.runner {
            Runner::Owner => self.owner.wake(),
            Runner::Pool => self.ask(),
        }
    }

    fn finish(self: &Arc<Self>) {
        let (calls, changed) = {
            let mut ready = lock(&self.ready);
            ready.attendant = Attendant::Over;
            (std::mem::take(&mut ready.calls), std::mem::take(&mut ready.changed))
        };
        drop((calls, changed));
        let own = address(self);
        for call in std::mem::take(&mut *lock(&self.surveyed)) {
            call.delist(&|waiter| matches!(waiter, Waiter::Helper(helper) if address(helper) == own));
        }
    }
}

impl Helper for Part {
    fn ready(self: Arc<Self>, job: Arc<dyn Job>) {
        let mut ready = lock(&self.ready);
        if ready.attendant == Attendant::Over {
            return;
        }
        ready.calls.push(job);
        if ready.attendant != Attendant::Nobody {
            return;
        }
        if self.runner == Runner::Owner {
            ready.attendant = Attendant::Owner;
        }
        drop(ready);
        self.alert();
    }

    fn changed(self: Arc<Self>, call: Arc<dyn Awaited>) {
        let mut ready = lock(&self.ready);
        if ready.attendant == Attendant::Over {
            return;
        }
        ready.changed.push(call);
        drop(ready);
        // Only the owner can look again.
        self.owner.wake();
    }

    fn pop_for_spare(&self) -> Option<Arc<dyn Job>> {
        let mut ready = lock(&self.ready);
        let call = ready.calls.pop();
        if call.is_none() && ready.attendant == Attendant::Spare {
            ready.attendant = Attendant::Nobody;
        }
        call
    }

    fn hand_over(&self) -> bool {
        let mut ready = lock(&self.ready);
        if ready.attendant == Attendant::Spare {
            return false;
        }
        let needs_spare = !ready.calls.is_empty();
        ready.attendant = if needs_spare { Attendant::Spare } else { Attendant::Nobody };
        needs_spare
    }

    fn attend(&self) -> bool {
        let mut ready = lock(&self.ready);
        let wanted = ready.attendant == Attendant::Nobody && !ready.calls.is_empty() && self.owner.is_blocked();
        if wanted {
            ready.attendant = Attendant::Spare;
        }
        wanted
    }

    fn unattend(&self) {
        let mut ready = lock(&self.ready);
        if ready.attendant == Attendant::Spare {
            ready.attendant = Attendant::Nobody;
        }
    }

    fn is_owner_blocked(&self) -> bool {
        self.owner.is_blocked()
    }

    fn give_back(&self) {
        let mut ready = lock(&self.ready);
        if ready.attendant != Attendant::Spare {
            return;
        }
        ready.attendant = Attendant::Nobody;
        if !ready.calls.is_empty() && self.runner == Runner::Owner {
            ready.attendant = Attendant::Owner;
            drop(ready);
            self.owner.wake();
        }
    }

    fn is_for_another_pool(&self) -> bool {
        self.runner == Runner::Pool
    }

    fn starve(&self) {
        lock(&self.ready).starved = true;
        self.owner.wake();
    }
}

//! What a blocked worker, or a spare in its place, runs next.

use std::collections::HashSet;
use std::sync::Arc;

use crate::graph::traits::BlockedWorker;
use crate::graph::traits::Call;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::panics::lock;
use crate::sync::Mutex;

/// What a worker that waits, or a spare in its place, runs next: calls that the awaited one needs, and nothing else.
pub(crate) struct Agenda {
    owner: Arc<dyn BlockedWorker>,
    ready: Mutex<Ready>,
    surveyed: Mutex<Vec<Arc<dyn Call>>>,
}

#[derive(Default)]
struct Ready {
    calls: Vec<Arc<dyn Call>>,
    /// The owner is blocked, and was not woken for a call since.
    asleep: bool,
    /// A spare runs these calls, and will ask for the next one.
    attended: bool,
    over: bool,
}

impl Agenda {
    pub(crate) fn new(owner: Arc<dyn BlockedWorker>) -> Arc<Self> {
        Arc::new(Self { owner, ready: Mutex::default(), surveyed: Mutex::default() })
    }

    /// Whether this belongs to that worker.
    pub(crate) fn is_of(&self, worker: &Arc<dyn BlockedWorker>) -> bool {
        Arc::ptr_eq(&self.owner, worker)
    }

    /// Finds what `calls` are or need that a worker of `home` could run, now or as soon as it is ready. Each call's needs are
    /// listed once, so that a chain, a list or a diamond of any size takes linear time.
    pub(crate) fn survey(self: &Arc<Self>, calls: Vec<Arc<dyn Call>>, home: PoolId) {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut waiting = Vec::new();
        let mut open = calls;
        while let Some(call) = open.pop() {
            if call.is_done() || !seen.insert(Arc::as_ptr(&call).cast::<()>().addr()) {
                continue;
            }
            let ours = call.pool_id() == home;
            match call.survey(ours.then_some(self), &mut open) {
                Survey::Queued if ours => found.push(call),
                Survey::Waiting if ours => waiting.push(call),
                _ => {}
            }
        }
        lock(&self.surveyed).append(&mut waiting);
        // Popped from the end: what stands first was found last, and so comes first.
        lock(&self.ready).calls.append(&mut found);
    }

    /// `call` is ready to run.
    pub(crate) fn push(&self, call: Arc<dyn Call>) {
        let mut ready = lock(&self.ready);
        if ready.over {
            return;
        }
        ready.calls.push(call);
        if !ready.attended && std::mem::take(&mut ready.asleep) {
            drop(ready);
            self.owner.wake();
        }
    }

    /// The next call, for the owner.
    pub(crate) fn pop(&self) -> Option<Arc<dyn Call>> {
        lock(&self.ready).calls.pop()
    }

    /// The next call, for the spare that attends; after `None` the owner is woken for the next one.
    pub(crate) fn pop_for_spare(&self) -> Option<Arc<dyn Call>> {
        let mut ready = lock(&self.ready);
        let call = ready.calls.pop();
        ready.attended = call.is_some();
        call
    }

    /// The owner blocks: whether a spare has to start with these calls. If not, the owner is woken for the next one.
    pub(crate) fn hand_over(&self) -> bool {
        let mut ready = lock(&self.ready);
        ready.asleep = true;
        let needs_spare = !ready.calls.is_empty() && !ready.attended;
        ready.attended |= needs_spare;
        needs_spare
    }

    /// There is no spare to be had.
    pub(crate) fn abandon(&self) {
        lock(&self.ready).attended = false;
    }

    /// The spare has no place any more, since the owner is back; it may have blocked again by now, and counted on the spare.
    pub(crate) fn give_back(&self) {
        let mut ready = lock(&self.ready);
        ready.attended = false;
        if !ready.calls.is_empty() && std::mem::take(&mut ready.asleep) {
            drop(ready);
            self.owner.wake();
        }
    }

    /// Whether the owner still waits, so that a spare goes on in its place.
    pub(crate) fn is_owner_blocked(&self) -> bool {
        self.owner.is_blocked()
    }

    /// The wait is over: leaves nothing behind in the calls that were surveyed.
    pub(crate) fn finish(self: &Arc<Self>) {
        let calls = {
            let mut ready = lock(&self.ready);
            ready.over = true;
            std::mem::take(&mut ready.calls)
        };
        drop(calls);
        for call in std::mem::take(&mut *lock(&self.surveyed)) {
            call.delist(&|waiter| matches!(waiter, Waiter::Agenda(agenda) if Arc::ptr_eq(agenda, self)));
        }
    }
}

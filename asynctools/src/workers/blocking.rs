//! A wait inside a call, and how the pool goes on meanwhile.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::SpawnError;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::current;
use crate::graph::current::CurrentWorker;
use crate::graph::traits::BlockedWorker;
use crate::graph::traits::Call;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::sync::Instant;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::turns;
use crate::workers::inner::Inner;
use crate::workers::state::AWAY;
use crate::workers::state::BLOCKED;
use crate::workers::state::Worker;

/// A worker, as those see it who wake it.
pub(crate) struct WorkerHandle {
    inner: Arc<Inner>,
    worker: Arc<Worker>,
}

impl BlockedWorker for WorkerHandle {
    fn wake(&self) {
        self.inner.give_back_permit(&self.worker);
    }

    fn is_blocked(&self) -> bool {
        self.worker.is_blocked()
    }
}

/// A worker, as the calls on it see it.
pub(crate) struct WorkerContext {
    handle: Arc<WorkerHandle>,
    /// The same, as others know it.
    parked: Arc<dyn BlockedWorker>,
    /// Where the stack began.
    base: usize,
}

/// What a thread of a pool does from its first moment to its last.
pub(crate) fn main(inner: Arc<Inner>, worker: Arc<Worker>) {
    let handle = Arc::new(WorkerHandle { inner, worker });
    let worker = WorkerContext { parked: handle.clone(), handle: handle.clone(), base: stack_position() };
    current::set_current(handle.inner.id(), Some(Rc::new(worker)));
    handle.inner.serve(&handle.worker);
    // Still inside of its pool: the destructors of its thread-locals do not wait for its end.
    current::set_current(handle.inner.id(), None);
}

/// Where the stack is now, near enough. An address is a number like any other: nothing is read through it.
#[inline(never)]
pub(crate) fn stack_position() -> usize {
    let here = 0_u8;
    black_box(&raw const here).addr()
}

/// Config often a worker looks for the end of the awaited call before it gives up its place.
const WAIT_SPINS: u32 = turns(64);

impl WorkerContext {
    fn run_early(&self, call: Arc<dyn Call>) -> bool {
        self.handle.inner.run_early(&self.handle.worker, call, true)
    }

    /// Runs what `agenda` has ready, until `call` has ended.
    fn run_errands(&self, call: &dyn Call, agenda: &Agenda) {
        while !call.is_done()
            && self.has_stack()
            && let Some(next) = agenda.pop()
        {
            self.run_early(next);
        }
    }

    /// Parks until somebody gives the place back, or takes it back when the deadline comes.
    fn park(&self, deadline: Option<Instant>) {
        while !self.handle.worker.is_active() {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => self.handle.inner.reacquire(&self.handle.worker, BLOCKED),
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    fn wait_with(
        &self,
        call: &Arc<dyn Call>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError> {
        let mut enlisted = false;
        let result = loop {
            if deadline.is_none()
                && let Some(agenda) = agenda
            {
                self.run_errands(&**call, agenda);
            }
            if call.is_done() {
                break Ok(true);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break Ok(false);
            }
            if !enlisted && call.enlist(Waiter::Worker(self.parked.clone())).is_some() {
                break Ok(true);
            }
            enlisted = true;
            if let Err(error) = self.handle.inner.release(&self.handle.worker, BLOCKED, agenda) {
                match deadline {
                    None => break Err(TaskError::WouldDeadlock(SpawnError::new(call.site(), error))),
                    // It ends by itself, and until then a thread may come free.
                    Some(deadline) => thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
                }
                continue;
            }
            // Whoever ended the call before this thread was blocked found nobody to wake.
            if call.is_done() {
                self.handle.inner.reacquire(&self.handle.worker, BLOCKED);
            }
            self.park(deadline);
        };
        if enlisted && !matches!(result, Ok(true)) {
            call.delist(&|waiter| matches!(waiter, Waiter::Worker(blocked) if Arc::ptr_eq(blocked, &self.parked)));
        }
        result
    }
}

impl CurrentWorker for WorkerContext {
    fn pool_id(&self) -> PoolId {
        self.handle.inner.id()
    }

    fn wait(
        &self,
        call: &Arc<dyn Call>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError> {
        let inner = &self.handle.inner;
        if agenda.is_some() {
            return self.wait_with(call, deadline, agenda);
        }
        let may_run = deadline.is_none() && !inner.config().dedicated_threads && call.pool_id() == inner.id();
        if may_run && self.has_stack() && self.run_early(call.clone()) {
            return Ok(true);
        }
        if call.survey(None, &mut Vec::new()) == Survey::Underway {
            for _ in 0..WAIT_SPINS {
                if call.is_done() {
                    return Ok(true);
                }
                hint::spin_loop();
            }
            return self.wait_with(call, deadline, None);
        }
        let own = self.agenda(vec![call.clone()]);
        let result = self.wait_with(call, deadline, Some(&own));
        own.finish();
        result
    }

    fn agenda(&self, calls: Vec<Arc<dyn Call>>) -> Arc<Agenda> {
        let inner = &self.handle.inner;
        let agenda = Agenda::new(self.parked.clone());
        // A thread of `#[parallel]` runs its one call only.
        if !inner.config().dedicated_threads {
            agenda.survey(calls, inner.id());
        }
        agenda
    }

    fn owns(&self, agenda: &Arc<Agenda>) -> bool {
        agenda.is_of(&self.parked)
    }

    fn release(&self) {
        // Without an agenda there is nothing to refuse.
        drop(self.handle.inner.release(&self.handle.worker, AWAY, None));
    }

    fn come_back(&self) {
        self.handle.inner.reacquire(&self.handle.worker, AWAY);
    }

    fn has_stack(&self) -> bool {
        self.base.abs_diff(stack_position()) < self.handle.inner.config().stack_size / 2
    }
}

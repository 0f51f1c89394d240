//! A wait inside a call, and how the pool goes on meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::SpawnError;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::blocked;
use crate::graph::blocked::BlockedOn;
use crate::graph::blocked::this_thread;
use crate::graph::current::CurrentWorker;
use crate::graph::current::set_current;
use crate::graph::lineage;
use crate::graph::look;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::AwaitedRef;
use crate::graph::traits::BlockedWorker;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Needs;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::graph::wait::look_for_end;
use crate::graph::wait::park;
use crate::graph::wait::park_until;
use crate::sync::Instant;
use crate::sync::at_thread_end;
use crate::sync::thread;
use crate::workers::inner::Inner;
use crate::workers::permits::WaitKind;
use crate::workers::run_count::Turn;
use crate::workers::state::BLOCKED;
use crate::workers::state::HELD_UP;
use crate::workers::state::Worker;

// Implementation
//
// A wait inside a call, in the order of what is tried:
//
// 1. The awaited call stands in the queue of the same pool: the waiter runs it, on its own stack.
// 2. It runs, or stands in the queue of another pool: the waiter looks for its end for a while.
// 3. It waits for arguments: the calls that it needs are looked up once (`Agenda::survey`). The waiter runs those of its own pool
//    that are ready, and hears of each of the others as soon as that is. It runs nothing else: an unrelated call may want a lock
//    that it holds.
// 4. Nothing of that is ready: the waiter gives up its permit (`Inner::release`) and parks until its call has ended, or one that
//    it needs is ready. Other pools are asked for the calls of theirs that it needs.
//
// A wait with a deadline cannot run a call, since it could not break it off, and a waiter that has used up the stack of one call
// should not. Their permit goes to a spare thread that starts with those same calls.

/// A worker, from the side of the threads which wake the worker.
struct WorkerHandle {
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

/// A worker, from the side of the calls on its stack.
struct WorkerContext {
    inner: Arc<Inner>,
    worker: Arc<Worker>,
    /// The same worker, from the other side.
    handle: Arc<dyn BlockedWorker>,
    /// Where the stack began.
    base: usize,
    /// How many `block_in_place` the stack has above the last wait.
    away: Cell<usize>,
}

/// Runs a thread of a pool from the first moment to the last.
pub(crate) fn main(inner: &Arc<Inner>, worker: &Arc<Worker>) {
    // Before anything else: the pool hears of the end when the destructors of the user's thread-locals have run.
    let (ended, last) = (inner.clone(), worker.clone());
    at_thread_end(move || ended.thread_ended(&last));
    worker.thread_number.store(this_thread().0, Ordering::Release);
    // Inside of its pool to the end: the destructors of its thread-locals do not wait for the end of the pool.
    lineage::set_home(inner.id);
    inner.home.thread_started(|| inner.has_spares());
    inner.config.on_thread_start.call();
    let handle = Arc::new(WorkerHandle { inner: inner.clone(), worker: worker.clone() });
    let context = WorkerContext {
        inner: inner.clone(),
        worker: worker.clone(),
        handle,
        base: lineage::stack_position(),
        away: Cell::new(0),
    };
    set_current(Some(Rc::new(context)));
    inner.serve(worker);
    set_current(None);
    inner.config.on_thread_stop.call();
    inner.home.thread_stops(|| worker.leaves_soon.load(Ordering::Relaxed));
}

impl WorkerContext {
    /// Whether a call may run on the stack of the waiter. An unwinding waiter begins no call, because its stack is
    /// about to go.
    fn may_run_here(&self) -> bool {
        !self.inner.config.dedicated_threads && self.has_stack() && !std::thread::panicking()
    }

    /// Whether the worker is blocked already: the end of a call that the system refuses a thread runs user code here, as a last
    /// resort, and such code waits as on a thread without a pool.
    fn has_no_permit(&self) -> bool {
        !self.worker.is_active()
    }

    fn run_here(&self, job: Arc<dyn Job>, turn: Turn) -> bool {
        let _wait = notify::in_wait();
        let ran = self.inner.run_early(&self.worker, job, turn);
        // The end of the call may stand in the lists of an outer frame of this thread, while the waiter needs what follows.
        notify::before_blocking();
        ran
    }

    /// Runs the ready calls of the agenda, until `call` has ended.
    fn run_agenda(&self, call: &dyn Awaited, agenda: &Agenda) {
        agenda.survey_changes();
        while !call.is_done()
            && self.may_run_here()
            && let Some(next) = agenda.own().pop()
        {
            self.run_here(next, Turn::Nested);
            agenda.survey_changes();
        }
    }

    /// Parks until another thread gives the permit back, or takes the permit back at the deadline. The watcher of the
    /// pool also looks after the queue here.
    fn park(&self, mode: u8, is_over: &dyn Fn() -> bool, deadline: Option<Instant>) {
        while !self.worker.is_active() {
            if is_over() {
                return self.inner.reacquire(&self.worker, mode);
            }
            let watch = self.inner.watch(&self.worker);
            if watch.is_some() && self.worker.is_active() {
                return;
            }
            let next = match (deadline, watch) {
                (Some(deadline), Some(watch)) => Some(deadline.min(watch)),
                (deadline, watch) => deadline.or(watch),
            };
            let Some(next) = next else {
                thread::park();
                continue;
            };
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return self.inner.reacquire(&self.worker, mode);
            }
            thread::park_timeout(next.saturating_duration_since(now));
        }
    }

    fn wait_with(
        &self,
        call: &Arc<dyn Awaited>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError> {
        let kind = if deadline.is_some() { WaitKind::Timed } else { WaitKind::Untimed };
        let mut enlisted = false;
        let result = loop {
            if let Some(agenda) = agenda {
                agenda.survey_changes();
                if deadline.is_none() {
                    self.run_agenda(&**call, agenda);
                }
            }
            if call.is_done() {
                break Ok(true);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                break Ok(false);
            }
            if !enlisted && call.enlist(Waiter::Worker(self.handle.clone())).is_some() {
                break Ok(true);
            }
            enlisted = true;
            let blocked = blocked::enter(BlockedOn::Call(call.clone()));
            let own = agenda.map(|agenda| -> Arc<dyn Helper> { agenda.own().clone() });
            let released = self.inner.release(&self.worker, BLOCKED, own, kind);
            if let Err(error) = released {
                drop(blocked);
                match deadline {
                    None => break Err(TaskError::WouldDeadlock(SpawnError::new(call.site(), error))),
                    // It ends by itself, and until then a thread may come free.
                    Some(deadline) => thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
                }
                continue;
            }
            if let Some(agenda) = agenda {
                agenda.ask_others();
            }
            look::unstick();
            // A thread that ended the call, or had it need another one, before this thread was blocked woke nobody.
            let has_changes = || agenda.is_some_and(|agenda| agenda.has_changes());
            self.park(BLOCKED, &|| call.is_done() || has_changes(), deadline);
            drop(blocked);
            if agenda.is_some_and(|agenda| agenda.is_starved()) && !call.is_done() {
                let error = std::io::ErrorKind::WouldBlock.into();
                break Err(TaskError::WouldDeadlock(SpawnError::new(call.site(), error)));
            }
        };
        if enlisted && !matches!(result, Ok(true)) {
            call.delist(&|waiter| matches!(waiter, Waiter::Worker(worker) if Arc::ptr_eq(worker, &self.handle)));
        }
        result
    }

    /// Runs `f` with the permit, also inside `block_in_place`.
    fn with_permit<R>(&self, f: impl FnOnce() -> R) -> R {
        let away = self.away.take();
        if away == 0 {
            return f();
        }
        self.take_permit();
        let result = f();
        self.give_up_permit();
        self.away.set(away);
        result
    }

    fn give_up_permit(&self) {
        self.worker.away.store(true, Ordering::Relaxed);
        // Without an agenda no thread is needed that could be refused.
        drop(self.inner.release(&self.worker, HELD_UP, None, WaitKind::Untimed));
        look::unstick();
    }

    fn take_permit(&self) {
        self.inner.reacquire(&self.worker, HELD_UP);
        self.worker.away.store(false, Ordering::Relaxed);
        self.inner.relieve_watcher();
    }

    /// Waits for the end of `call`, in the order that the comment at the top tells.
    fn wait_here(
        &self,
        call: AwaitedRef<'_>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError> {
        if agenda.is_some() {
            return self.wait_with(&call(), deadline, agenda);
        }
        if deadline.is_none()
            && self.may_run_here()
            && let Some(job) = call().as_job_of(self.inner.id)
            && self.run_here(job, Turn::Awaited)
        {
            return Ok(true);
        }
        let call = &call();
        match call.clone().survey(&mut |_| None, &mut Vec::new()) {
            Survey::Running(_) | Survey::Ended | Survey::Unseen => {
                return if look_for_end(&**call, deadline) { Ok(true) } else { self.wait_with(call, deadline, None) };
            }
            Survey::Promised => return self.wait_with(call, deadline, None),
            // In a queue from which others run it: mostly that of another pool, whose worker may need this core.
            Survey::Queued(_) if look_for_end(&**call, deadline) => return Ok(true),
            Survey::Queued(_) | Survey::Waiting => {}
        }
        let own = Agenda::new(self.handle.clone(), self.pool());
        own.survey(vec![call.clone()], deadline);
        let result = self.wait_with(call, deadline, Some(&own));
        own.finish();
        result
    }

    /// The pool of the calls which this worker may run in a wait.
    fn pool(&self) -> PoolId {
        // A thread of `#[parallel]` runs its one call only, and what it needs of the others has a thread of its own.
        if self.inner.config.dedicated_threads { PoolId::NONE } else { self.inner.id }
    }
}

impl CurrentWorker for WorkerContext {
    fn wait(
        &self,
        call: AwaitedRef<'_>,
        deadline: Option<Instant>,
        agenda: Option<&Arc<Agenda>>,
    ) -> Result<bool, TaskError> {
        self.with_permit(|| {
            if self.has_no_permit() {
                return Ok(park(&call(), deadline));
            }
            self.wait_here(call, deadline, agenda)
        })
    }

    fn agenda(&self, calls: Needs, deadline: Option<Instant>) -> Option<Arc<Agenda>> {
        let agenda = Agenda::new(self.handle.clone(), self.pool());
        if agenda.survey(calls, deadline) {
            return Some(agenda);
        }
        agenda.finish();
        None
    }

    fn owns(&self, agenda: &Arc<Agenda>) -> bool {
        agenda.is_of(&self.handle)
    }

    fn block(&self, on: BlockedOn, is_over: &dyn Fn() -> bool, deadline: Option<Instant>) -> bool {
        self.with_permit(|| {
            if self.has_no_permit() {
                return park_until(is_over, deadline);
            }
            let blocked = blocked::enter(on);
            // Without an agenda no thread is needed that could be refused.
            drop(self.inner.release(&self.worker, HELD_UP, None, WaitKind::Untimed));
            look::unstick();
            self.park(HELD_UP, is_over, deadline);
            drop(blocked);
            is_over()
        })
    }

    fn leave(&self) -> bool {
        let away = self.away.get();
        if away == 0 && self.has_no_permit() {
            return false;
        }
        self.away.set(away + 1);
        if away == 0 {
            self.give_up_permit();
        }
        true
    }

    fn come_back(&self) {
        self.away.set(self.away.get() - 1);
        if self.away.get() == 0 {
            self.take_permit();
        }
    }

    fn has_stack(&self) -> bool {
        self.base.abs_diff(lineage::stack_position()) < self.inner.config.stack_size
    }
}

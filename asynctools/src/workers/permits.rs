//! Permits: threads are woken, started, blocked, and come back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::graph::notify;
use crate::graph::traits::Helper;
use crate::panics::lock;
use crate::sync::thread;
use crate::workers::inner::Inner;
use crate::workers::state::ACTIVE;
use crate::workers::state::Assignment;
use crate::workers::state::GONE;
use crate::workers::state::Locked;
use crate::workers::state::PoolState;
use crate::workers::state::Worker;

/// Whether a wait has a deadline. A wait with a deadline cannot stop the calls begun for the wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitKind {
    Untimed,
    Timed,
}

impl Inner {
    /// Gives permits to at most `limit` threads while there are calls for them and permits left.
    fn wake_or_start(self: &Arc<Self>, limit: usize) -> io::Result<()> {
        for _ in 0..limit {
            if self.queue.len() <= self.searching.0.load(Ordering::SeqCst) {
                break;
            }
            let mut state = self.lock();
            if state.gone || !state.is_permit_free() {
                break;
            }
            let Some(assignment) = self.next_assignment(&mut state) else {
                self.keep_watch(&mut state, None);
                break;
            };
            self.place(state, assignment)?;
        }
        Ok(())
    }

    /// Returns the task of the next thread with a permit.
    pub(crate) fn next_assignment(&self, state: &mut PoolState) -> Option<Assignment> {
        if let Some(wanted) = state.next_wanted() {
            return Some(wanted);
        }
        (state.is_vacant() && !self.queue.is_empty()).then_some(Assignment::Search)
    }

    /// As [`wake_or_start`](Self::wake_or_start). If no thread can be started, and no worker has a permit or will come back from a
    /// wait, the queued calls would wait for ever; so they end with `Spawn`. The calls of a pool that is gone end with `Closed`.
    pub(crate) fn ensure_worker(self: &Arc<Self>, limit: usize) {
        let Err(error) = self.wake_or_start(limit) else {
            // The last worker may have left before it saw the calls, and the first look of this thread.
            if self.has(GONE) {
                self.close_queued();
            }
            return;
        };
        loop {
            {
                let mut state = self.lock();
                let is_served = state.busy > 0 || !state.blocked.is_empty();
                if state.target == 0 || (is_served && !self.config.dedicated_threads) {
                    self.keep_watch(&mut state, None);
                    return;
                }
            }
            // The threads that are looking for a call take one each, and the last of them sees to what is left then.
            let mut served = self.searching.0.load(Ordering::SeqCst);
            let mut stay = 0;
            self.lose_queued(Self::refused(&error), |job| {
                let stays = served > 0 && job.is_queued();
                served -= usize::from(stays);
                stay += usize::from(stays);
                !stays
            });
            // Unless it looked while they were out of the queue.
            if stay <= self.searching.0.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Gives a permit to a parked or a new thread.
    pub(crate) fn place(self: &Arc<Self>, mut state: Locked<'_>, assignment: Assignment) -> io::Result<()> {
        state.take_permit();
        self.count(&mut state, &assignment);
        if let Some(worker) = state.parked.pop() {
            *lock(&worker.assignment) = Some(assignment);
            worker.mode.store(ACTIVE, Ordering::Release);
            drop(state);
            worker.unpark();
            return Ok(());
        }
        state.next_number += 1;
        state.threads += 1;
        let worker = Worker::new(state.next_number);
        *lock(&worker.assignment) = Some(assignment);
        state.workers.insert(worker.number, worker.clone());
        drop(state);
        let builder = thread::Builder::new().name(format!("{}-{}", self.config.name, worker.number));
        let (inner, own, main) = (self.clone(), worker.clone(), self.main);
        // Room for a call, and for one more that runs inside its wait.
        let started = builder.stack_size(self.config.stack_size.saturating_mul(2)).spawn(move || {
            drop(own.thread.set(thread::current()));
            main(&inner, &own);
        });
        let mut state = self.lock();
        // A start that the system allows may serve others: as long as calls stand in the queue, somebody watches over them.
        state.refused =
            started.is_err() || (state.refused && self.queue.live() > self.searching.0.load(Ordering::SeqCst));
        match started {
            Ok(handle) => {
                *lock(&worker.handle) = Some(handle);
                Ok(())
            }
            Err(error) => {
                state.threads -= 1;
                state.workers.remove(&worker.number);
                let assignment = lock(&worker.assignment).take();
                if matches!(assignment, Some(Assignment::Search)) {
                    self.searching.0.fetch_sub(1, Ordering::SeqCst);
                }
                if let Some(assignment) = assignment {
                    if let Assignment::Help(agenda, waiter) = &assignment {
                        agenda.unattend();
                        state.wanted.push((Arc::downgrade(agenda), waiter.clone()));
                    }
                    Self::undo(&mut state, &assignment);
                }
                state.busy -= 1;
                state.update_gone();
                state.tell_closers();
                self.tell_idlers(&state);
                Err(error)
            }
        }
    }

    /// Counts a thread with a new `assignment`.
    pub(crate) fn count(&self, state: &mut PoolState, assignment: &Assignment) {
        match assignment {
            Assignment::Search => {
                state.ordinary += 1;
                self.searching.0.fetch_add(1, Ordering::SeqCst);
            }
            Assignment::Help(_, waiter) => {
                if let Some(waiter) = waiter {
                    waiter.timed.fetch_add(1, Ordering::Relaxed);
                }
            }
            Assignment::Beyond => state.beyond += 1,
        }
    }

    /// Takes back the count of a thread with `assignment`.
    pub(crate) fn undo(state: &mut PoolState, assignment: &Assignment) {
        match assignment {
            Assignment::Search => state.ordinary -= 1,
            Assignment::Help(_, Some(waiter)) => drop(waiter.timed.fetch_sub(1, Ordering::Relaxed)),
            Assignment::Help(_, None) => {}
            Assignment::Beyond => state.beyond -= 1,
        }
    }

    /// Gives the permit of a blocking worker to another thread, who starts with the ready calls of `agenda` or with the
    /// next call of the queue.
    ///
    /// An error means: the system refused the thread for `agenda`, and no other thread will come. The worker then has
    /// its permit again.
    pub(crate) fn release(
        self: &Arc<Self>,
        worker: &Arc<Worker>,
        mode: u8,
        agenda: Option<Arc<dyn Helper>>,
        kind: WaitKind,
    ) -> io::Result<()> {
        let mut state = self.lock();
        worker.mode.store(mode, Ordering::Release);
        state.busy -= 1;
        state.blocked.push(worker.clone());
        // A submission must see that a permit is free before this thread looks into the queue.
        self.publish(&state);
        // In the same moment, so that nobody else takes the permit, and the worker that comes back finds a spare in it. A paused
        // pool has no spares: whoever ends the pause sees to those who are blocked.
        let Some(agenda) = agenda.filter(|agenda| agenda.hand_over()) else {
            self.pass_permit_on(state, worker);
            return Ok(());
        };
        let waiter = (kind == WaitKind::Timed).then(|| worker.clone());
        // A thread that a timed wait has started goes on when the wait is over. So a worker has one beyond the ceiling, at most.
        let may_start = waiter.is_none() || state.is_permit_free() || worker.timed.load(Ordering::Relaxed) == 0;
        if state.target == 0 || !may_start {
            agenda.unattend();
            if state.target > 0 {
                state.wanted.push((Arc::downgrade(&agenda), waiter));
            }
            self.pass_permit_on(state, worker);
            return Ok(());
        }
        let Err(error) = self.place(state, Assignment::Help(agenda, waiter)) else { return Ok(()) };
        if self.will_serve(worker) {
            self.keep_watch(&mut self.lock(), Some(worker));
            return Ok(());
        }
        self.give_back_permit(worker);
        Err(error)
    }

    /// Uses the permit given up by `worker`: a call of the queue begins, or a blocked worker watches over the queue.
    fn pass_permit_on(self: &Arc<Self>, mut state: Locked<'_>, worker: &Arc<Worker>) {
        let is_served = self.queue.len() <= self.searching.0.load(Ordering::SeqCst);
        if is_served || !state.is_permit_free() || state.gone {
            return;
        }
        match self.next_assignment(&mut state) {
            None => self.keep_watch(&mut state, Some(worker)),
            Some(assignment) => {
                if self.place(state, assignment).is_err() {
                    notify::look_after(|| self.ensure_worker(1));
                }
            }
        }
    }

    /// Gives a worker in a wait its permit at once, because the worker may hold a lock.
    pub(crate) fn give_back_permit(self: &Arc<Self>, worker: &Worker) {
        self.reacquire(worker, crate::workers::state::BLOCKED);
        worker.unpark();
    }

    /// Takes the permit again for a worker blocked in `mode`, unless another thread has given the permit back.
    pub(crate) fn reacquire(self: &Arc<Self>, worker: &Worker, mode: u8) {
        let mut state = self.lock();
        if worker.mode.load(Ordering::Relaxed) != mode {
            return;
        }
        state.take_permit();
        state.remove_blocked(worker);
        // The worker goes on as soon as it sees its mode, without the lock, and has to find there that a permit too many is out.
        self.publish(&state);
        worker.mode.store(ACTIVE, Ordering::Release);
        if worker.watches.swap(false, Ordering::Relaxed) {
            state.watcher = None;
            self.publish(&state);
            self.keep_watch(&mut state, None);
        }
        // One more permit is out, so a parked thread may have become a spare, which leaves sooner.
        if state.parked.len() + state.busy > state.target
            && let Some(coldest) = state.parked.iter().find(|parked| !parked.leaves_soon.load(Ordering::Relaxed))
        {
            coldest.unpark();
        }
    }
}

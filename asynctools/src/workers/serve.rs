//! The loop of one thread of a pool.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::graph::traits::Call;
use crate::sync::Instant;
use crate::sync::MutexGuard;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::turns;
use crate::workers::inner::Inner;
use crate::workers::inner::RunCount;
use crate::workers::state::FRONT;
use crate::workers::state::OVER;
use crate::workers::state::PARKED;
use crate::workers::state::PoolState;
use crate::workers::state::VACANT;
use crate::workers::state::Worker;

/// How long a spare thread stays for the next one who needs it.
const SPARE_TIMEOUT: Duration = Duration::from_millis(200);
/// Config often a worker looks for a call before it parks: waking it costs its submitter microseconds.
const SPINS: u32 = turns(100);
/// In a flood a worker that has caught up stays behind for so many turns. At the heels of who submits, it would take the cache
/// lines that the next submission writes to: of a batch of calls that do nothing, that is a fifth of the time. A lone call is
/// no flood, and finds the worker looking.
const REST: u32 = turns(200);
/// So many calls have to come in a rest for another one to pay.
const WORTH: usize = 4;
/// The last turns let others run, who may have a call to submit.
const YIELDS: u32 = turns(4);

impl Inner {
    /// Runs calls on the current thread until it is not needed any more.
    pub(crate) fn serve(self: &Arc<Self>, worker: &Arc<Worker>) {
        let mut searching = !self.run_errands(worker);
        let mut flood = false;
        loop {
            if let Some(call) = self.next_call(&mut searching, &mut flood) {
                if !call.run(&RunCount { inner: self, worker, early: false, nested: false }) {
                    self.tombstones.0.fetch_sub(1, Ordering::Relaxed);
                }
            } else if self.park(worker, searching) {
                searching = !self.run_errands(worker);
            } else {
                return;
            }
        }
    }

    /// What a thread in the place of a waiter starts with: whether there was anything. It stands down for others when the
    /// waiter has its place again.
    fn run_errands(&self, worker: &Worker) -> bool {
        let Some(agenda) = worker.take_errand() else { return false };
        while let Some(call) = agenda.pop_for_spare() {
            self.run_early(worker, call, false);
            if self.has(OVER) && !agenda.is_owner_blocked() {
                agenda.give_back();
                break;
            }
        }
        true
    }

    /// Runs a call of this pool before its turn, if nobody has taken it.
    pub(crate) fn run_early(&self, worker: &Worker, call: Arc<dyn Call>, nested: bool) -> bool {
        let ran = call.run(&RunCount { inner: self, worker, early: true, nested });
        if ran {
            self.sweep();
        }
        ran
    }

    /// The next call in the queue; `None` when this thread should stand down. Looks for a while before it gives up. `flood`:
    /// calls come faster than they are asked for.
    fn next_call(self: &Arc<Self>, searching: &mut bool, flood: &mut bool) -> Option<Arc<dyn Call>> {
        for turn in 0..SPINS {
            if self.has(OVER | FRONT) {
                break;
            }
            if let Ok(call) = self.receiver.try_recv() {
                if self.has(OVER) {
                    // Taken before the pool was paused, or submitted after: it may not start.
                    let mut state = self.lock();
                    state.front.push_front(call);
                    self.publish(&state);
                    break;
                }
                if *searching {
                    *flood |= !self.receiver.is_empty();
                    self.found(searching);
                }
                return Some(call);
            }
            if !std::mem::replace(searching, true) {
                self.searching.0.fetch_add(1, Ordering::SeqCst);
            }
            if turn == 0 && *flood {
                (0..REST).for_each(|_| hint::spin_loop());
                *flood = self.receiver.len() >= WORTH;
            }
            if turn + YIELDS < SPINS { hint::spin_loop() } else { thread::yield_now() }
        }
        let mut state = self.lock();
        if state.busy > state.target {
            return None;
        }
        let call = state.front.pop_front();
        self.publish(&state);
        drop(state);
        if call.is_some() && *searching {
            self.found(searching);
        }
        call
    }

    /// This thread was searching, and has found a call. Others may stand in the queue for whom nobody was woken meanwhile.
    fn found(self: &Arc<Self>, searching: &mut bool) {
        *searching = false;
        self.searching.0.fetch_sub(1, Ordering::SeqCst);
        if self.has(VACANT) {
            self.ensure_worker(1);
        }
    }

    /// Parks until there is something to do; `false` when the thread should end.
    fn park(self: &Arc<Self>, worker: &Arc<Worker>, searching: bool) -> bool {
        let mut state = self.lock();
        state.busy -= 1;
        if searching {
            self.searching.0.fetch_sub(1, Ordering::SeqCst);
        }
        self.publish(&state);
        if state.busy < state.target && self.has_queued(&state) {
            state.busy += 1;
            self.searching.0.fetch_add(1, Ordering::SeqCst);
            self.publish(&state);
            return true;
        }
        worker.mode.store(PARKED, Ordering::Release);
        state.parked.push(worker.clone());
        let since = Instant::now();
        loop {
            let is_spare = state.parked.len() + state.busy > state.target;
            let patience = if is_spare { Some(SPARE_TIMEOUT) } else { self.how.idle_timeout };
            let left = patience.map(|patience| patience.saturating_sub(since.elapsed()));
            if state.closed || left.is_some_and(|left| left.is_zero()) {
                self.exit(state, worker);
                return false;
            }
            drop(state);
            left.map_or_else(thread::park, thread::park_timeout);
            if worker.is_active() {
                return true;
            }
            state = self.lock();
            if worker.is_active() {
                return true;
            }
        }
    }

    fn exit(&self, mut state: MutexGuard<'_, PoolState>, worker: &Arc<Worker>) {
        state.parked.retain(|parked| !Arc::ptr_eq(parked, worker));
        state.workers.remove(&worker.number);
        state.finished += worker.finished.load(Ordering::Relaxed);
        state.panicked += worker.panicked.load(Ordering::Relaxed);
        let ended: Vec<_> = if state.closed {
            state.gone = state.workers.is_empty();
            // Where nobody waits for the end of the pool, its threads clear each other away.
            let ended = state.leaving.extract_if(.., |worker| worker.has_ended()).collect();
            state.leaving.push(worker.clone());
            ended
        } else {
            state.threads -= 1;
            Vec::new()
        };
        self.publish(&state);
        drop(state);
        for worker in &ended {
            worker.join();
        }
        self.lock().threads -= ended.len();
        self.gone.notify_all();
    }
}

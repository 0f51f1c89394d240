//! The loop of one thread of a pool.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::graph::notify;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Maker;
use crate::panics::lock;
#[cfg(feature = "trace")]
use crate::pictures::file;
use crate::sync::Instant;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::turns;
use crate::workers::inner::Inner;
use crate::workers::run_count::RunCount;
use crate::workers::run_count::Turn;
use crate::workers::state::Assignment;
use crate::workers::state::Locked;
use crate::workers::state::OVER;
use crate::workers::state::PARKED;
use crate::workers::state::PoolState;
use crate::workers::state::VACANT;
use crate::workers::state::WANTED;
use crate::workers::state::Worker;
use crate::workers::state::bump;
use crate::workers::time_slice::TimeSlice;

/// How long a spare thread stays for the next wait.
const SPARE_TIMEOUT: Duration = Duration::from_millis(200);
/// How often a worker looks for a call before it parks: to wake a parked worker costs the submitter microseconds.
const SPINS: u32 = turns(100);
/// In a flood a worker without calls rests. A worker that follows the submitter too closely steals the cache lines of the next
/// submission; to fall behind saves a fifth of a batch of empty calls. A lone call is no flood, and finds the worker looking. The
/// worker looks after this number of turns: a submitter that has stopped, and waits for its calls, is not kept waiting.
const FIRST_LOOK: u32 = turns(60);
/// The first rest in a flood, and the longest: after each rest that pays, the next one is a sixteenth longer.
const SHORTEST_REST: u32 = turns(175);
const LONGEST_REST: u32 = turns(800);
/// A rest pays if at least these many calls come in.
const WORTH: usize = 4;
/// How many calls run in a row, each made ready by the end of the call before, and for how long a call of the queue waits for
/// them. A chain stays on its warm cache so, and a longer row would gain nothing.
const LONGEST_ROW: u32 = 16;
const LONGEST_WAIT: Duration = Duration::from_millis(1);
/// The last turns let others run, who may have a call to submit.
const LAST_YIELDS: u32 = turns(4);
/// A turn lets others run before all other looks, where those were of no use lately: a scheduler may leave a woken worker on the
/// core of the thread that woke it, and that thread could not come to its next call while the worker looks for that call.
const YIELDS_FIRST: bool = turns(1) == 1;
/// Each fourth time the worker looks first after all, for a few turns: from another core a call comes without a yield.
const LOOKS_AGAIN: u32 = 4;
const SHORT_LOOK: u32 = turns(16);

/// A worker looks for a call: as long as this lives, the worker is counted among the searching ones.
struct Search<'a> {
    inner: &'a Arc<Inner>,
}

impl<'a> Search<'a> {
    fn begin(inner: &'a Arc<Inner>) -> Self {
        inner.searching.0.fetch_add(1, Ordering::SeqCst);
        Self { inner }
    }

    /// The search of a worker who was counted together with the permit.
    fn counted(inner: &'a Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The worker has found a call. Others may stand in the queue for which no thread was woken meanwhile.
    fn found(self) {
        let inner = self.inner;
        drop(self);
        if inner.has(VACANT) {
            inner.ensure_worker(1);
        }
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        self.inner.searching.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The pace of incoming calls, as a worker knows the pace.
#[derive(Clone, Copy)]
enum Tide {
    /// No call came while the worker looked for one. This number came in a row after the worker had let others run.
    Low(u32),
    /// The last call came while the worker looked.
    Even,
    /// Calls come faster than the worker looks for calls: the next rest takes this number of turns.
    Flood(u32),
}

impl Tide {
    /// Returns the turn in which the worker lets others run, before the last turns.
    fn first_yield(self) -> Option<u32> {
        match self {
            Self::Low(calls) if YIELDS_FIRST => {
                Some(if calls % LOOKS_AGAIN == LOOKS_AGAIN - 1 { SHORT_LOOK } else { 0 })
            }
            _ => None,
        }
    }

    fn yields(self, turn: u32) -> bool {
        turn + LAST_YIELDS >= SPINS || self.first_yield() == Some(turn)
    }

    /// Returns the pace for a worker that was woken for a call, which another worker has taken before. With several awake, a yield
    /// would let just those run.
    fn overtaken(self) -> Self {
        if matches!(self, Self::Low(_)) { Self::Even } else { self }
    }

    /// Returns the pace after a look that has found a call in this turn.
    fn found(self, turn: u32, has_more: bool) -> Self {
        match self {
            Self::Flood(_) => self,
            _ if has_more => Self::Flood(SHORTEST_REST),
            // The worker has not looked: it was woken for the call.
            _ if turn == 0 => self,
            Self::Low(calls) if self.first_yield() == Some(turn - 1) => Self::Low(calls.wrapping_add(1)),
            _ if turn + LAST_YIELDS > SPINS => Self::Low(0),
            _ => Self::Even,
        }
    }
}

impl Inner {
    /// Runs calls on the current thread until the pool does not need it any more.
    pub(crate) fn serve(self: &Arc<Self>, worker: &Arc<Worker>) {
        let mut tide = Tide::Low(0);
        loop {
            let assignment = lock(&worker.assignment).take();
            let goes_on = match assignment {
                Some(Assignment::Search) => self.serve_queue(worker, Some(Search::counted(self)), &mut tide),
                None => self.serve_queue(worker, None, &mut tide),
                Some(other) => {
                    match &other {
                        Assignment::Help(agenda, _) => self.help(worker, agenda),
                        _ => self.run_one(worker),
                    }
                    self.take_next_assignment(worker, &other)
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Runs the calls of the queue in their turn; `false` when the thread should end.
    fn serve_queue<'a>(
        self: &'a Arc<Self>,
        worker: &Arc<Worker>,
        mut search: Option<Search<'a>>,
        tide: &mut Tide,
    ) -> bool {
        let mut slice = TimeSlice::new();
        loop {
            if self.has(WANTED) && self.turn_to_wanted(worker, &mut search) {
                return true;
            }
            let Some((job, turn)) = self.next_call(&mut search, tide) else { return self.park(worker, search) };
            if turn > 0 {
                slice = TimeSlice::new();
            }
            self.run_row(worker, job, &mut slice);
        }
    }

    /// Runs a call of the queue, and then the calls that each end makes ready, while calls of the queue do not wait long for that.
    fn run_row(self: &Arc<Self>, worker: &Worker, job: Arc<dyn Job>, slice: &mut TimeSlice) {
        let (_, mut next) = self.run_next(worker, job);
        slice.count();
        let (mut row, mut since) = (0, None);
        while let Some(job) = next {
            row += 1;
            // Most rows are of one call, and the clock is left alone.
            let is_overdue = row > 1 && self.is_overdue(&mut since);
            if is_overdue || row > LONGEST_ROW || self.has(OVER | WANTED) {
                return self.enqueue(&|| job.clone(), Maker::OwnCall);
            }
            (_, next) = self.run_next(worker, job);
            slice.count();
        }
    }

    /// Whether calls have stood in the queue for too long since the first look in a row, the moment of which is in `since`.
    fn is_overdue(&self, since: &mut Option<Instant>) -> bool {
        if self.queue.is_empty() {
            *since = None;
            return false;
        }
        if let Some(since) = since {
            return since.elapsed() > LONGEST_WAIT;
        }
        *since = Some(Instant::now());
        false
    }

    /// Runs a call unless another thread has taken it. Returns whether it ran, and which call its end made ready for this thread.
    fn run_next(&self, worker: &Worker, job: Arc<dyn Job>) -> (bool, Option<Arc<dyn Job>>) {
        bump(&worker.progress, 1);
        let ran = job.run(&RunCount::new(self, worker, Turn::Next));
        if !ran {
            self.queue.unearth();
        }
        bump(&worker.progress, 1);
        (ran, notify::take_next())
    }

    /// Runs a call of the queue, unless the pool has been paused since this thread got its permit.
    fn run_one(self: &Arc<Self>, worker: &Worker) {
        while let Some(job) = self.pop_unless_paused() {
            let (ran, next) = self.run_next(worker, job);
            if let Some(next) = next {
                self.enqueue(&|| next.clone(), Maker::OwnCall);
            }
            if ran {
                return;
            }
        }
    }

    /// Takes the next call under the lock, so that the call was submitted before the next pause.
    fn pop_unless_paused(&self) -> Option<Arc<dyn Job>> {
        let state = self.lock();
        if state.target > 0 { self.queue.pop() } else { None }
    }

    /// Runs calls for a waiter, in the place of the waiter. Stops when the waiter has its permit again and others need
    /// this thread's permit, and when the pool is paused.
    fn help(self: &Arc<Self>, worker: &Worker, agenda: &Arc<dyn Helper>) {
        let mut slice = TimeSlice::new();
        while let Some(job) = agenda.pop_for_spare() {
            if self.has(OVER) && self.target() == 0 {
                // Taken before the pool was paused, or submitted after: it may not start.
                agenda.clone().ready(job);
                return self.stop_helping(agenda);
            }
            self.run_early(worker, job, Turn::Early);
            slice.count();
            if self.has(OVER) && self.is_owner_back(&**agenda) {
                agenda.give_back();
                return;
            }
        }
    }

    /// Leaves the calls of `agenda` to their waiter, in a pause. The waiter runs those of its own pool, or blocks until the pause
    /// is over, and then looks again. For those of another pool a thread comes when the pause is over.
    fn stop_helping(self: &Arc<Self>, agenda: &Arc<dyn Helper>) {
        agenda.give_back();
        if agenda.is_for_another_pool() {
            self.serve_other(agenda);
        }
    }

    /// Whether the waiter has its permit again. Under the lock, where the flags and the mode of a worker change together.
    fn is_owner_back(&self, agenda: &dyn Helper) -> bool {
        let _state = self.lock();
        !agenda.is_owner_blocked()
    }

    /// Runs a call of this pool before its turn, unless another thread has taken the call.
    pub(crate) fn run_early(&self, worker: &Worker, job: Arc<dyn Job>, turn: Turn) -> bool {
        let count = RunCount::new(self, worker, turn);
        let ran = job.run(&count);
        if count.may_sweep.get() {
            self.sweep();
        }
        ran
    }

    /// Has a searching worker see to the agenda of a blocked worker first, and returns whether there was such an
    /// agenda.
    fn turn_to_wanted(self: &Arc<Self>, worker: &Worker, search: &mut Option<Search<'_>>) -> bool {
        let mut state = self.lock();
        if state.is_over() {
            return false;
        }
        let Some(wanted) = state.next_wanted() else { return false };
        state.ordinary -= 1;
        self.count(&mut state, &wanted);
        *lock(&worker.assignment) = Some(wanted);
        drop(state);
        drop(search.take());
        // One ordinary worker less: a call of the queue may begin now.
        if self.has(VACANT) {
            self.ensure_worker(1);
        }
        true
    }

    /// Finds the task of a worker after `done`, which came before the calls of the queue; `false` when the thread should end.
    fn take_next_assignment(self: &Arc<Self>, worker: &Arc<Worker>, done: &Assignment) -> bool {
        let mut state = self.lock();
        Self::undo(&mut state, done);
        // It counts as ordinary from here on, and parks if that is one too many.
        state.ordinary += 1;
        if state.is_over() {
            drop(state);
            return self.park(worker, None);
        }
        true
    }

    /// Returns the next call in the queue, with the turn in which it was found: the thread looks for a while. `None` when this
    /// thread should stand aside.
    fn next_call<'a>(
        self: &'a Arc<Self>,
        search: &mut Option<Search<'a>>,
        tide: &mut Tide,
    ) -> Option<(Arc<dyn Job>, u32)> {
        for turn in 0..SPINS {
            if self.has(OVER) || self.queue.has_front() {
                break;
            }
            if let Some(job) = self.queue.pop_back() {
                if self.has(OVER) {
                    // Taken before the pool was paused, or submitted after: it may not start.
                    self.queue.push_front(job);
                    break;
                }
                if let Some(search) = search.take() {
                    *tide = tide.found(turn, !self.queue.is_empty());
                    search.found();
                }
                return Some((job, turn));
            }
            match search {
                None => *search = Some(Search::begin(self)),
                Some(_) if turn == 0 => *tide = tide.overtaken(),
                Some(_) => {}
            }
            if turn == 0 {
                *tide = self.rest(*tide);
            }
            if tide.yields(turn) { thread::yield_now() } else { hint::spin_loop() }
        }
        *tide = Tide::Low(0);
        let job = {
            let state = self.lock();
            if state.is_over() {
                return None;
            }
            self.queue.pop()?
        };
        if let Some(search) = search.take() {
            search.found();
        }
        Some((job, SPINS))
    }

    /// Falls behind a submitter, if there is a flood, and returns how it goes on.
    fn rest(&self, tide: Tide) -> Tide {
        let Tide::Flood(turns) = tide else { return tide };
        (0..FIRST_LOOK).for_each(|_| hint::spin_loop());
        if self.queue.is_empty() {
            return Tide::Even;
        }
        (0..turns).for_each(|_| hint::spin_loop());
        if self.queue.len() >= WORTH { Tide::Flood(LONGEST_REST.min(turns + turns / 16)) } else { Tide::Even }
    }

    /// Parks until there is something to do; `false` when the thread should end.
    fn park(self: &Arc<Self>, worker: &Arc<Worker>, search: Option<Search<'_>>) -> bool {
        #[cfg(feature = "trace")]
        file::worker_rests();
        let mut state = self.lock();
        state.busy -= 1;
        state.ordinary -= 1;
        drop(search);
        if self.take_permit_again(&mut state, worker) {
            return true;
        }
        self.tell_idlers(&state);
        worker.mode.store(PARKED, Ordering::Release);
        state.parked.push(worker.clone());
        let since = Instant::now();
        loop {
            let is_spare = state.parked.len() + state.busy > state.target;
            worker.leaves_soon.store(is_spare, Ordering::Relaxed);
            let patience = if is_spare { Some(SPARE_TIMEOUT) } else { self.config.idle_timeout };
            let left = patience.map(|patience| patience.saturating_sub(since.elapsed()));
            if state.closed || left.is_some_and(|left| left.is_zero()) {
                Self::exit(state, worker);
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

    /// Looks once more after a permit was given up: what has come in meanwhile found no permit free.
    fn take_permit_again(self: &Arc<Self>, state: &mut PoolState, worker: &Worker) -> bool {
        // The flags, which others read without the lock, say first that a permit is free.
        self.publish(state);
        if !state.is_permit_free() {
            return false;
        }
        let Some(assignment) = self.next_assignment(state) else {
            self.keep_watch(state, None);
            return false;
        };
        self.count(state, &assignment);
        state.take_permit();
        *lock(&worker.assignment) = Some(assignment);
        true
    }

    fn exit(mut state: Locked<'_>, worker: &Arc<Worker>) {
        state.parked.retain(|parked| !Arc::ptr_eq(parked, worker));
        state.workers.remove(&worker.number);
        state.finished += worker.finished.load(Ordering::Relaxed);
        state.panicked += worker.panicked.load(Ordering::Relaxed);
        state.update_gone();
    }
}

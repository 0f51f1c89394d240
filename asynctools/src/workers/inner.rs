//! The inside of a pool: its queue, and who gets a place.

use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::error::SpawnError;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::current;
use crate::graph::current::current;
use crate::graph::registry;
use crate::graph::traits::Call;
use crate::graph::traits::Observer;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::panics::lock;
use crate::sync::AtomicIsize;
use crate::sync::AtomicU8;
use crate::sync::AtomicUsize;
use crate::sync::Condvar;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::sync::OnceLock;
use crate::sync::Receiver;
use crate::sync::Sender;
use crate::sync::fence;
use crate::sync::thread;
use crate::sync::unbounded;
use crate::workers::config::Config;
use crate::workers::config::OnFull;
use crate::workers::state::ACTIVE;
use crate::workers::state::BLOCKED;
use crate::workers::state::BOUND;
use crate::workers::state::CLOSED;
use crate::workers::state::FRONT;
use crate::workers::state::GONE;
use crate::workers::state::OVER;
use crate::workers::state::Padded;
use crate::workers::state::PoolState;
use crate::workers::state::VACANT;
use crate::workers::state::Worker;
use crate::workers::state::bump;

// Implementation
//
// The queue is a crossbeam channel, and nobody sleeps in it: who may take a call is decided by *state*. A thread that runs
// calls, or looks for one, holds a place (`busy`); one that is blocked in a wait, or parked, does not. Three rules keep the
// ceiling and reach it:
//
// - Whoever adds to the queue while `busy < target` gives a place to a parked thread, or starts one.
// - Whoever blocks gives up its place, and applies the first rule for those who stand in the queue.
// - Whoever wakes a waiter raises `busy` for it first. A worker that finds `busy > target` parks after its call, so that among
//   calls of one pool the one that ends makes room for the one that comes back. Resizing is the same mechanism.
//
// All of it happens under one mutex, which the fast paths do not touch: they read `flags`, a digest of it that changes
// seldom. A submission stores into the channel and then reads the flags; a worker that stands down stores the flags and then
// looks into the channel; a sequentially consistent fence between the two makes one of them see the other.
//
// A call that somebody ran before its turn, or that was cancelled, leaves its tombstone in the queue. Shells are counted, skipped,
// and swept out when they are many.

pub(crate) struct Inner {
    pub(crate) id: PoolId,
    pub(crate) how: Config,
    pub(crate) sender: Sender<Arc<dyn Call>>,
    pub(crate) receiver: Receiver<Arc<dyn Call>>,
    pub(crate) flags: Padded<AtomicU8>,
    /// Entries of the queue that nobody has to run. Below zero for a moment when one is taken out before it is counted.
    pub(crate) tombstones: Padded<AtomicIsize>,
    /// Threads with a place that found the queue empty, or were just given one, and look for a call. Each takes one, and
    /// then sees to the next; so nobody else is woken for a call that one of them will take.
    pub(crate) searching: Padded<AtomicUsize>,
    pub(crate) cancelled: AtomicUsize,
    pub(crate) state: Mutex<PoolState>,
    /// A worker has left a closed pool.
    pub(crate) gone: Condvar,
    /// There may be room in a bounded queue.
    pub(crate) room: Condvar,
    /// What a new thread does: handed down from `worker.rs`.
    pub(crate) main: fn(Arc<Inner>, Arc<Worker>),
}

/// A worker that runs a call.
pub(crate) struct RunCount<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) worker: &'a Worker,
    /// Before its turn: its tombstone stays in the queue.
    pub(crate) early: bool,
    /// Inside the wait of another, which takes up room as long as its thread runs; the call in there takes none besides.
    pub(crate) nested: bool,
}

impl Observer for RunCount<'_> {
    fn began(&self) {
        bump(&self.worker.depth, 1);
        if self.early {
            self.inner.tombstones.0.fetch_add(1, Ordering::Relaxed);
        }
        if self.nested {
            self.inner.make_room();
        }
    }

    fn ended(&self, panicked: bool) {
        bump(&self.worker.depth, usize::MAX);
        bump(&self.worker.finished, 1);
        bump(&self.worker.panicked, usize::from(panicked));
        if !self.nested {
            self.inner.make_room();
        }
    }
}

/// For a call that its caller runs.
struct CallerRun<'a>(&'a Inner);

impl Observer for CallerRun<'_> {
    fn began(&self) {}

    fn ended(&self, panicked: bool) {
        let mut state = self.0.lock();
        state.finished += 1;
        state.panicked += usize::from(panicked);
    }
}

impl Inner {
    pub(crate) fn new(how: Config, target: usize, main: fn(Arc<Inner>, Arc<Worker>)) -> Arc<Self> {
        let (sender, receiver) = unbounded();
        let inner = Arc::new(Self {
            id: registry::new_pool_id(),
            how,
            sender,
            receiver,
            flags: Padded::default(),
            tombstones: Padded::default(),
            searching: Padded::default(),
            cancelled: AtomicUsize::new(0),
            state: Mutex::new(PoolState { target, ..PoolState::default() }),
            gone: Condvar::new(),
            room: Condvar::new(),
            main,
        });
        inner.publish(&inner.lock());
        let home: std::sync::Weak<Inner> = Arc::downgrade(&inner);
        registry::register(inner.id, home);
        inner
    }

    pub(crate) fn id(&self) -> PoolId {
        self.id
    }

    pub(crate) fn config(&self) -> &Config {
        &self.how
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, PoolState> {
        lock(&self.state)
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags.0.load(Ordering::SeqCst) & flags != 0
    }

    /// Brings the digest up to date: the last thing that a change of the state does.
    pub(crate) fn publish(&self, state: &PoolState) {
        let flag = |flag, condition| if condition { flag } else { 0 };
        let flags = flag(CLOSED, state.closed)
            | flag(VACANT, state.busy < state.target)
            | flag(OVER, state.busy > state.target)
            | flag(FRONT, !state.front.is_empty())
            | flag(BOUND, self.how.bound.is_some())
            | flag(GONE, state.gone);
        if self.flags.0.load(Ordering::Relaxed) != flags {
            self.flags.0.store(flags, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
    }

    /// About: the lock is not taken for it.
    pub(crate) fn queue_len(&self) -> usize {
        self.receiver.len() + usize::from(self.has(FRONT))
    }

    pub(crate) fn has_queued(&self, state: &PoolState) -> bool {
        !state.front.is_empty() || !self.receiver.is_empty()
    }

    // Calls come in.

    /// Takes in a call that has all its arguments. `node` is the call too: `call` itself goes away with the queue.
    pub(crate) fn submit(self: &Arc<Self>, call: Arc<dyn Call>, node: &dyn Call) {
        if !self.has(CLOSED | BOUND) {
            return self.enqueue(call, node, false);
        }
        let inside = current::is_inside(self.id);
        if self.has(CLOSED) && (!inside || self.has(GONE)) {
            return self.refuse(node, TaskError::Closed);
        }
        match self.find_room(inside) {
            Room::Found => self.enqueue(call, node, inside),
            Room::Refused(error) => self.refuse(node, error),
            Room::RunHere => drop(current::as_guest(self.id, || call.run(&CallerRun(self)))),
        }
    }

    fn enqueue(self: &Arc<Self>, call: Arc<dyn Call>, node: &dyn Call, inside: bool) {
        let Ok(()) = self.sender.send(call) else { unreachable!("the pool holds the other end") };
        fence(Ordering::SeqCst);
        if !self.has(CLOSED | VACANT) {
            return;
        }
        if self.has(CLOSED) && (self.has(GONE) || !(inside || current::is_inside(self.id))) {
            node.lose(TaskError::Closed);
            return;
        }
        self.ensure_worker(1);
        // The last worker may have left before it saw the call, and the first look of this thread.
        if self.has(GONE) {
            node.lose(TaskError::Closed);
        }
    }

    /// Ends a call that was not taken in.
    fn refuse(&self, node: &dyn Call, error: TaskError) {
        // `unscheduled`, or whoever runs it at this moment, counts a tombstone and a call less, as for a call in the queue.
        self.tombstones.0.fetch_sub(1, Ordering::Relaxed);
        if self.how.bound.is_some() {
            self.lock().outstanding += 1;
        }
        node.lose(error);
    }

    /// Room for one more call in a bounded queue. `queue` calls may wait, and as many more as there are workers to take them:
    /// whether one is refused does not hang on how fast a free worker was.
    fn find_room(&self, inside: bool) -> Room {
        let Some((bound, on_full)) = self.how.bound else { return Room::Found };
        let is_full = |state: &mut PoolState| {
            let outstanding = usize::try_from(state.outstanding).unwrap_or(0);
            !state.closed && outstanding >= bound.saturating_add(state.target)
        };
        let mut state = self.lock();
        if inside || !is_full(&mut state) {
            state.outstanding += 1;
            return Room::Found;
        }
        match on_full {
            OnFull::Reject => return Room::Refused(TaskError::Rejected),
            OnFull::RunHere if current().is_none_or(|here| here.has_stack()) => return Room::RunHere,
            // Beyond the stack limit only the queue is left.
            OnFull::RunHere => {
                state.outstanding += 1;
                return Room::Found;
            }
            OnFull::Block => drop(state),
        }
        current::blocking(|| {
            let mut state = self.room.wait_while(self.lock(), is_full).unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return Room::Refused(TaskError::Closed);
            }
            state.outstanding += 1;
            Room::Found
        })
    }

    /// A call of a bounded queue has ended, is blocked, or was unscheduled.
    fn make_room(&self) {
        if self.how.bound.is_some() {
            let mut state = self.lock();
            state.outstanding -= 1;
            drop(state);
            self.room.notify_one();
        }
    }

    // Threads get state.

    /// Gives state to as many as `limit` threads while there are calls for them and state left.
    fn wake_or_start(self: &Arc<Self>, limit: usize) -> io::Result<()> {
        for _ in 0..limit {
            if self.queue_len() <= self.searching.0.load(Ordering::SeqCst) {
                break;
            }
            let state = self.lock();
            if state.gone || state.busy >= state.target || !self.has_queued(&state) {
                break;
            }
            self.place(state, None)?;
        }
        Ok(())
    }

    /// As [`wake_or_start`](Self::wake_or_start). If no thread can be had and nobody else has a place, nobody is left who could take the calls in
    /// the queue, and nobody would say when that changes: they end.
    pub(crate) fn ensure_worker(self: &Arc<Self>, limit: usize) {
        let Err(error) = self.wake_or_start(limit) else { return };
        loop {
            let mut state = self.lock();
            if state.target == 0 || (state.busy > 0 && !self.how.dedicated_threads) {
                return;
            }
            // The threads that are looking for a call take one each, and the last of them sees to what is left then.
            let mut served = self.searching.0.load(Ordering::SeqCst);
            let starved = self.take_out(&mut state, |call| {
                let stays = served > 0 && call.is_queued();
                served -= usize::from(stays);
                !stays
            });
            let stay = state.front.len();
            drop(state);
            for call in starved {
                let again = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
                call.lose(TaskError::Spawn(SpawnError::new(call.site(), again)));
            }
            // Unless it looked while they were out of the queue.
            if stay <= self.searching.0.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Gives a place to a parked thread, or to a new one, which then starts with `agenda`.
    fn place(self: &Arc<Self>, mut state: MutexGuard<'_, PoolState>, agenda: Option<Arc<Agenda>>) -> io::Result<()> {
        state.busy += 1;
        let searches = agenda.is_none();
        if searches {
            self.searching.0.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(worker) = state.parked.pop() {
            *lock(&worker.agenda) = agenda;
            worker.mode.store(ACTIVE, Ordering::Release);
            self.publish(&state);
            drop(state);
            worker.unpark();
            return Ok(());
        }
        state.next_number += 1;
        state.threads += 1;
        let worker = Arc::new(Worker {
            number: state.next_number,
            thread: OnceLock::new(),
            handle: Mutex::default(),
            mode: AtomicU8::new(ACTIVE),
            agenda: Mutex::new(agenda),
            depth: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            panicked: AtomicUsize::new(0),
        });
        state.workers.insert(worker.number, worker.clone());
        self.publish(&state);
        drop(state);
        let builder = thread::Builder::new().name(format!("{}-{}", self.how.name, worker.number));
        let (inner, own, main) = (self.clone(), worker.clone(), self.main);
        let started = builder.stack_size(self.how.stack_size).spawn(move || {
            drop(own.thread.set(thread::current()));
            main(inner, own);
        });
        match started {
            Ok(handle) => *lock(&worker.handle) = Some(handle),
            Err(error) => {
                let mut state = self.lock();
                if searches {
                    self.searching.0.fetch_sub(1, Ordering::SeqCst);
                }
                state.busy -= 1;
                state.threads -= 1;
                state.workers.remove(&worker.number);
                self.publish(&state);
                self.gone.notify_all();
                return Err(error);
            }
        }
        Ok(())
    }

    /// The worker blocks: its place goes to a thread that starts with what `agenda` has ready, or takes the next call.
    ///
    /// An error says that the system refused that thread and no other has a place: the worker has its own again.
    pub(crate) fn release(self: &Arc<Self>, worker: &Worker, mode: u8, agenda: Option<&Arc<Agenda>>) -> io::Result<()> {
        let mut state = self.lock();
        worker.mode.store(mode, Ordering::Release);
        state.busy -= 1;
        state.blocked += 1;
        state.outstanding -= 1;
        // In the same moment, so that nobody else takes the place, and who comes back finds a spare in it. A paused pool has no
        // spares: whoever ends the pause sees to those who are blocked.
        let agenda = agenda.filter(|agenda| agenda.hand_over());
        let Some(agenda) = agenda.filter(|_| state.target > 0) else {
            agenda.inspect(|agenda| agenda.abandon());
            self.publish(&state);
            drop(state);
            self.room.notify_one();
            self.ensure_worker(1);
            return Ok(());
        };
        let spare = self.place(state, Some(agenda.clone()));
        self.room.notify_one();
        let Err(error) = spare else { return Ok(()) };
        agenda.abandon();
        if self.lock().busy > 0 {
            return Ok(());
        }
        self.give_back_permit(worker);
        Err(error)
    }

    /// A worker in a wait has its place again, at once: it may hold a lock that others want.
    pub(crate) fn give_back_permit(&self, worker: &Worker) {
        self.reacquire(worker, BLOCKED);
        worker.unpark();
    }

    /// The current worker, which left in that mode, has its place again if nobody has given it back.
    pub(crate) fn reacquire(&self, worker: &Worker, mode: u8) {
        let mut state = self.lock();
        if worker.mode.load(Ordering::Relaxed) == mode {
            worker.mode.store(ACTIVE, Ordering::Release);
            state.busy += 1;
            state.blocked -= 1;
            state.outstanding += 1;
            self.publish(&state);
        }
    }

    /// Everything that stands in the queue now, tombstones included.
    pub(crate) fn take_queue(&self) -> Vec<Arc<dyn Call>> {
        self.take_out(&mut self.lock(), |_| true)
    }

    /// What `which` finds in the queue now, tombstones included.
    fn take_out(&self, state: &mut PoolState, mut which: impl FnMut(&dyn Call) -> bool) -> Vec<Arc<dyn Call>> {
        let mut all: Vec<_> = state.front.drain(..).collect();
        all.extend(self.receiver.try_iter().take(self.receiver.len()));
        let (out, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(|call| which(&**call));
        state.front.extend(stay);
        // A tombstone that goes is one less; for a call, `unscheduled` will count one that is not there.
        self.tombstones.0.fetch_sub(isize::try_from(out.len()).unwrap_or(isize::MAX), Ordering::Relaxed);
        self.publish(state);
        out
    }

    /// Drops the tombstones if they are many, and the greater part of the queue.
    pub(crate) fn sweep(&self) {
        let tombstones = usize::try_from(self.tombstones.0.load(Ordering::Relaxed)).unwrap_or(0);
        if tombstones < SWEEP {
            return;
        }
        let mut state = self.lock();
        let entries = state.front.len() + self.receiver.len();
        if tombstones * 2 < entries {
            return;
        }
        let tombstones = self.take_out(&mut state, |call| !call.is_queued());
        drop(state);
        drop(tombstones);
    }
}

/// Below so many tombstones a queue is not swept.
const SWEEP: usize = 1024;

enum Room {
    Found,
    RunHere,
    Refused(TaskError),
}

impl Scheduler for Inner {
    fn id(&self) -> PoolId {
        self.id
    }

    fn schedule(self: Arc<Self>, call: Arc<dyn Call>, inside: bool, at_call: bool) {
        let node = call.clone();
        if at_call {
            return self.submit(call, &*node);
        }
        if self.has(CLOSED) && (!inside || self.has(GONE)) {
            return self.refuse(&*node, TaskError::Closed);
        }
        if self.how.bound.is_some() {
            self.lock().outstanding += 1;
        }
        self.enqueue(call, &*node, inside);
    }

    fn unscheduled(&self, queued: bool, cancelled: bool) {
        if cancelled {
            self.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        if queued {
            self.tombstones.0.fetch_add(1, Ordering::Relaxed);
            self.make_room();
            self.sweep();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        registry::forget(self.id);
    }
}

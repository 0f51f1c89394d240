//! The inside of a pool: the way of a call into the queue, and the calls run by their callers.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use crate::error::SpawnError;
use crate::error::TaskError;
use crate::graph::blocked::BlockedOn;
use crate::graph::blocked::this_thread;
use crate::graph::current::current;
use crate::graph::lineage;
use crate::graph::lose::end_unrun;
use crate::graph::lose::lose;
use crate::graph::lose::lose_counted;
use crate::graph::notify;
use crate::graph::registry;
use crate::graph::serial;
use crate::graph::stop;
use crate::graph::traits::Ending;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::JobRef;
use crate::graph::traits::Maker;
use crate::graph::traits::Moment;
use crate::graph::traits::Observer;
use crate::graph::traits::Outlook;
use crate::graph::traits::Place;
use crate::graph::traits::PoolId;
use crate::graph::traits::Scheduler;
use crate::graph::traits::Standing;
use crate::graph::traits::ThreadNumber;
use crate::graph::traits::Unrun;
use crate::graph::wait::block_on_pool;
#[cfg(feature = "trace")]
use crate::pictures::file;
use crate::sync::AtomicU8;
use crate::sync::AtomicUsize;
use crate::sync::Instant;
use crate::sync::Mutex;
use crate::sync::fence;
use crate::tag::Home;
#[cfg(feature = "metrics")]
use crate::tag::meters::Gauges;
use crate::workers::bound::Bound;
use crate::workers::config::Config;
use crate::workers::config::OnFull;
use crate::workers::queue::Padded;
use crate::workers::queue::Queue;
use crate::workers::state::BOUND;
use crate::workers::state::CLOSED;
use crate::workers::state::Closer;
use crate::workers::state::GONE;
use crate::workers::state::Locked;
use crate::workers::state::PoolState;
use crate::workers::state::UNWATCHED;
use crate::workers::state::VACANT;
use crate::workers::state::Worker;
use crate::workers::state::publish;

// Implementation
//
// The queue is a crossbeam channel, and nobody sleeps in it: *permits* decide who may take a call. A thread that runs calls, or
// looks for one, has a permit (`busy`); a worker that is blocked in a wait, or parked, has none. Three rules keep the ceiling
// and reach it:
//
// - A thread that adds to the queue while a call may begin gives a permit to a parked thread, or starts one.
// - A worker that blocks gives up its permit, and applies the first rule for the calls in the queue.
// - A thread that wakes a waiter raises `busy` for it first. A worker that finds more permits out than there are parks after its
//   call, so that among calls of one pool the one that ends makes room for the one that comes back. Resizing is the same
//   mechanism.
//
// A permit that a blocked worker gave up is lent: always to calls that the blocked worker needs, and within a limit to others.
// `lend.rs` has that limit, and what happens at it.
//
// Nearly everything happens under one mutex, which the fast paths do not touch: they read `flags`, a digest of the state that
// changes seldom. Two counters stand outside: `searching`, and the tombstones of the queue.

pub(crate) struct Inner {
    pub(crate) id: PoolId,
    pub(crate) config: Config,
    pub(crate) home: Home,
    pub(crate) queue: Queue,
    flags: Padded<AtomicU8>,
    /// Threads with a permit but no call: they found the queue empty, or just got the permit, and look for a call. Each
    /// takes a call, and then sees to the next call; so no thread is woken for a call which a searching thread will
    /// take.
    pub(crate) searching: Padded<AtomicUsize>,
    pub(crate) cancelled: AtomicUsize,
    /// Callers with a call of this pool, up to the time when all effects of its end are done.
    pub(crate) callers: AtomicUsize,
    state: Mutex<PoolState>,
    /// The first function of a new thread: handed down from `blocking.rs`.
    pub(crate) main: fn(&Arc<Inner>, &Arc<Worker>),
}

/// Keeps count of a call run by its caller.
struct CallerRun<'a> {
    inner: &'a Inner,
    moment: Moment,
}

impl Observer for CallerRun<'_> {
    // The caller was counted together with the decision that it runs the call: a pool that closes in between waits for it.
    fn began(&self, _place: Place) {}

    fn ended(&self, ending: Ending, _place: Place) {
        let mut state = self.inner.lock();
        state.finished += usize::from(ending != Ending::Stopped);
        state.panicked += usize::from(ending == Ending::Panicked);
        // A call has entered the bound if the call was ready before its run.
        if self.moment == Moment::Later
            && let Some(bound) = &mut state.bound
        {
            bound.leave();
        }
        state.remove_guest(this_thread());
    }
}

impl Inner {
    pub(crate) fn new(config: Config, target: usize, main: fn(&Arc<Inner>, &Arc<Worker>)) -> Arc<Self> {
        let bound = config.bound.map(|(queue, on_full)| Bound::new(queue, on_full));
        let max_blocked = config.max_blocked;
        let home = Home::new(&config.name, config.around.clone());
        #[cfg(feature = "trace")]
        file::begin();
        let inner = Arc::new(Self {
            id: registry::new_pool_id(),
            config,
            home,
            queue: Queue::new(),
            flags: Padded::default(),
            searching: Padded::default(),
            cancelled: AtomicUsize::new(0),
            callers: AtomicUsize::new(0),
            state: Mutex::new(PoolState { target, max_blocked, bound, ..PoolState::default() }),
            main,
        });
        drop(inner.lock());
        let pool: Weak<Inner> = Arc::downgrade(&inner);
        registry::register(inner.id, pool);
        inner
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        Locked::new(&self.state, &self.flags.0)
    }

    /// Has others see what the state has come to be, before the lock is given back.
    pub(crate) fn publish(&self, state: &PoolState) {
        publish(state, &self.flags.0);
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags.0.load(Ordering::SeqCst) & flags != 0
    }

    /// Takes in a call with all arguments, at the call.
    pub(crate) fn submit(self: &Arc<Self>, job: JobRef<'_>) {
        if serial::is_on(self.config.dedicated_threads) && self.becomes_guest(self.maker()) {
            return self.run_by_caller(job(), Moment::AtCall);
        }
        if !self.has(CLOSED | BOUND) {
            return self.enqueue(job, Maker::Other);
        }
        let maker = self.maker();
        match self.accept(maker).and_then(|()| self.find_room(maker)) {
            Ok(Room::Queue) => self.enqueue(job, maker),
            Ok(Room::Here) => self.run_by_caller(job(), Moment::AtCall),
            Err(error) => end_unrun(&job(), error),
        }
    }

    /// Counts the current thread as a guest, for a call in serial mode, unless the pool is paused, or refuses the call. Returns
    /// whether this is so.
    fn becomes_guest(&self, maker: Maker) -> bool {
        let mut state = self.lock();
        let may_run = state.target > 0 && !(state.closed && (maker == Maker::Other || state.gone));
        if may_run {
            state.take_guest(this_thread());
        }
        may_run
    }

    /// Takes in a call that got its last argument after the call was made.
    fn take_in_late(self: &Arc<Self>, job: JobRef<'_>, maker: Maker) {
        self.enter_late();
        if !notify::offer_next(self.id, job) {
            self.enqueue(job, maker);
        }
    }

    /// Makes a bounded queue count a call beyond its limit.
    fn enter_late(&self) {
        if self.config.bound.is_some()
            && let Some(bound) = &mut self.lock().bound
        {
            bound.enter();
        }
    }

    /// Runs a call on the current thread, which was counted as a guest. After the call was made, at `Later`, others may have taken
    /// it meanwhile.
    fn run_by_caller(&self, job: Arc<dyn Job>, moment: Moment) {
        let guest = lineage::be_guest(self.id);
        self.callers.fetch_add(1, Ordering::SeqCst);
        if !job.run(&CallerRun { inner: self, moment }) {
            self.lock().remove_guest(this_thread());
            // The thread that has taken the call left a tombstone for it, as for a call in the queue.
            self.queue.unearth();
        }
        drop(guest);
        self.leave_caller();
    }

    /// Counts out a call that a caller has run, or was about to run.
    fn leave_caller(&self) {
        self.callers.fetch_sub(1, Ordering::SeqCst);
        self.look_for_idlers();
    }

    /// Returns the maker of calls made on the current thread.
    pub(crate) fn maker(&self) -> Maker {
        if lineage::is_inside(self.id) { Maker::OwnCall } else { Maker::Other }
    }

    pub(crate) fn enqueue(self: &Arc<Self>, job: JobRef<'_>, maker: Maker) {
        self.queue.push(job());
        fence(Ordering::SeqCst);
        if !self.has(CLOSED | VACANT | UNWATCHED) {
            return;
        }
        if self.has(CLOSED) && self.accept(maker).is_err() && self.accept(self.maker()).is_err() {
            return refuse(job());
        }
        self.ensure_worker(1);
    }

    /// Finds room for a call in a bounded queue.
    fn find_room(self: &Arc<Self>, maker: Maker) -> Result<Room, TaskError> {
        let mut state = self.lock();
        let (capacity, closed) = (state.capacity(), state.closed);
        let Some(bound) = &mut state.bound else { return Ok(Room::Queue) };
        if maker == Maker::OwnCall || closed || !bound.is_full(capacity) {
            bound.enter();
            return Ok(Room::Queue);
        }
        match bound.on_full {
            OnFull::Reject => return Err(TaskError::Rejected),
            OnFull::RunHere if lineage::has_room_for_guest(current().map(|worker| worker.has_stack())) => {
                state.take_guest(this_thread());
                return Ok(Room::Here);
            }
            // Beyond the limit of the stack only the queue is left.
            OnFull::RunHere => {
                bound.enter();
                return Ok(Room::Queue);
            }
            OnFull::Block => {}
        }
        let submission = bound.wait_in_line();
        drop(state);
        block_on_pool(BlockedOn::Room(self.clone()), &|| submission.is_answered(), None);
        if submission.is_refused() { Err(TaskError::Closed) } else { Ok(Room::Queue) }
    }

    /// A call of a bounded queue has ended, was taken back, or has begun inside the wait of another.
    pub(crate) fn make_room(&self) {
        if self.config.bound.is_some() {
            self.make_room_in_bound();
        }
    }

    #[cold]
    fn make_room_in_bound(&self) {
        if let Some(bound) = &mut self.lock().bound {
            bound.leave();
        }
    }

    /// Ends all calls in the queue with the result of `error`, and returns their number.
    pub(crate) fn lose_queued(
        &self,
        error: impl Fn(&dyn Job) -> TaskError,
        which: impl FnMut(&dyn Job) -> bool,
    ) -> usize {
        let out = self.queue.take_out(which);
        // A loss upstream has ended these already.
        let (stopped, out): (Vec<_>, Vec<_>) = out.into_iter().partition(|job| job.stopped().is_some());
        for job in stopped {
            if notify::take_back(job) {
                self.make_room();
            } else {
                self.queue.unearth();
            }
        }
        lose_counted(
            out,
            error,
            |_, _, error| self.count_out(error),
            |tombstones| {
                (0..tombstones).for_each(|_| self.queue.unearth());
                self.queue.put_down();
                self.look_for_idlers();
            },
        )
    }

    /// Counts out an unrun call.
    fn count_out(&self, error: &TaskError) {
        if matches!(error, TaskError::Cancelled) {
            self.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        self.make_room();
    }

    pub(crate) fn sweep(&self) {
        drop(self.queue.sweep());
    }

    /// The end of a call for which the system refused a thread.
    pub(crate) fn refused(error: &std::io::Error) -> impl Fn(&dyn Job) -> TaskError + '_ {
        |job| TaskError::Spawn(SpawnError::new(job.site(), crate::workers::state::same(error)))
    }
}

/// Ends a call that was queued too late.
fn refuse(job: Arc<dyn Job>) {
    if job.stopped().is_none() {
        lose(&job, TaskError::Closed);
    } else {
        notify::take_back(job);
    }
}

/// Where there is room for a call.
enum Room {
    Queue,
    /// On the stack of the caller.
    Here,
}

impl Scheduler for Inner {
    fn id(&self) -> PoolId {
        self.id
    }

    #[cfg(feature = "hooks")]
    fn home(&self) -> &Home {
        &self.home
    }

    #[cfg(feature = "metrics")]
    fn measure(&self, gauges: &mut Gauges) {
        let stats = self.stats();
        let [workers, running, blocked] = [stats.workers, stats.running, stats.blocked];
        gauges.add(&self.config.name, [workers, running, blocked, stats.queued, stats.idle, stats.spares]);
    }

    fn accept(&self, maker: Maker) -> Result<(), TaskError> {
        let refuses = self.has(CLOSED) && (maker == Maker::Other || self.has(GONE));
        if refuses { Err(TaskError::Closed) } else { Ok(()) }
    }

    fn schedule(self: Arc<Self>, job: JobRef<'_>, maker: Maker, moment: Moment) {
        if moment == Moment::AtCall {
            return self.submit(job);
        }
        if !serial::is_on(self.config.dedicated_threads) {
            return self.take_in_late(job, maker);
        }
        if moment == Moment::AtFollowing && self.becomes_guest(maker) {
            return self.run_by_caller(job(), moment);
        }
        // From now on, although the thread may have to run others first: as a call in the queue is counted.
        self.enter_late();
        self.callers.fetch_add(1, Ordering::SeqCst);
        if let Some((_, job, maker)) = notify::run_serially((self.clone(), job(), maker)) {
            self.enqueue(&|| job.clone(), maker);
            self.leave_caller();
        }
    }

    fn run_ready(self: Arc<Self>, job: Arc<dyn Job>, maker: Maker) {
        if self.becomes_guest(maker) {
            self.run_by_caller(job, Moment::Later);
        } else {
            self.enqueue(&|| job.clone(), maker);
        }
        self.leave_caller();
    }

    fn schedule_end(self: Arc<Self>, job: Arc<dyn Job>, at: Standing) -> bool {
        {
            let mut state = self.lock();
            if state.closed || state.target == 0 {
                return false;
            }
            if let Some(bound) = &mut state.bound {
                bound.enter();
            }
        }
        job.clone().stand(at);
        self.enqueue(&|| job.clone(), Maker::OwnCall);
        true
    }

    fn unscheduled(&self, unrun: Unrun, error: &TaskError) {
        match unrun {
            Unrun::Queued => {
                let may_sweep = self.queue.bury();
                self.count_out(error);
                if may_sweep {
                    self.sweep();
                }
                self.look_for_idlers();
            }
            Unrun::Waiting if matches!(error, TaskError::Cancelled) => {
                self.cancelled.fetch_add(1, Ordering::Relaxed);
            }
            Unrun::Waiting | Unrun::Uncounted => {}
        }
    }

    fn serve(self: Arc<Self>, agenda: Arc<dyn Helper>) {
        self.serve_other(&agenda);
    }

    fn outlook(&self, threads: &mut Vec<ThreadNumber>) -> Outlook {
        let state = self.lock();
        threads.extend(&state.guests);
        // A worker may also be blocked in user code that runs between two calls.
        let is_held = |worker: &&Arc<Worker>| worker.depth.load(Ordering::Relaxed) > 0 || worker.is_in_wait();
        let in_calls = state.workers.values().filter(is_held);
        threads.extend(in_calls.filter_map(|worker| worker.number_of_thread()));
        if state.busy > 0 || (state.is_vacant() && self.queue.live() > 0 && !state.refused) || threads.is_empty() {
            Outlook::Moves
        } else if state.target == 0 {
            Outlook::Paused
        } else {
            Outlook::Blocked
        }
    }

    fn unstick(self: Arc<Self>) {
        self.lend_if_stuck();
    }

    fn idle_since(&self) -> Option<u64> {
        self.starts_if_idle()
    }

    fn wait_idle(self: Arc<Self>, deadline: Option<Instant>) -> bool {
        self.wait_until_idle(deadline)
    }

    fn release_closer(&self, closer: ThreadNumber) {
        let state = self.lock();
        let closers = state.closers.iter().chain(&state.idlers).filter(|other| other.number == closer);
        closers.for_each(|other| other.tell(Closer::RETURN));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        registry::forget(self.id);
        stop::forget_pool(self.id);
    }
}

//! The inside of a pool: its queue, its places, and the threads that take them.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;
use std::thread;
use std::thread::JoinHandle;
use std::thread::Thread;
use std::time::Duration;
use std::time::Instant;

use crossbeam_channel::Receiver;
use crossbeam_channel::Sender;

use crate::context;
use crate::context::Call;
use crate::context::Help;
use crate::context::Home;
use crate::context::HomeId;
use crate::context::Runner;
use crate::context::lock;
use crate::error::SpawnError;
use crate::error::TaskError;

// Implementation
//
// The queue is a crossbeam channel, and nobody sleeps in it: who may take a call is decided by *places*. A thread that runs
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
// A call that somebody ran before its turn, or that was cancelled, leaves its shell in the queue. Shells are counted, skipped,
// and swept out when they are many.

/// What a pool with a full queue does with one more call.
///
/// # Examples
///
/// ```
/// use asynctools::{OnFull, Pool, TaskError};
///
/// let pool = Pool::builder().workers(0).queue(1).on_full(OnFull::Reject).build().unwrap();
/// let waits = pool.spawn(|| 1);
/// assert!(matches!(pool.spawn(|| 2).outcome(), Err(TaskError::Rejected)));
/// # waits.detach();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// The caller blocks until there is room.
    #[default]
    Block,
    /// The caller runs the call itself, over the ceiling of the pool.
    RunHere,
    /// The call ends at once as [`TaskError::Rejected`].
    Reject,
}

/// What a pool is doing; exact while nothing changes.
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
///
/// let pool = Pool::new(2);
/// pool.map(0..10, |n| n).wait();
/// let stats = pool.stats();
/// assert_eq!((stats.workers, stats.running, stats.queued, stats.finished), (2, 0, 0, 10));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// The target: how many calls may run at once.
    pub workers: usize,
    /// Threads within the target that have nothing to do.
    pub idle: usize,
    /// Calls that run, without those that are blocked in a wait for another.
    pub running: usize,
    /// Calls that are blocked in a wait for another.
    pub blocked: usize,
    /// Calls that wait for their turn.
    pub queued: usize,
    /// Calls that ran to their end, those that panicked among them.
    pub finished: u64,
    /// Calls that panicked.
    pub panicked: u64,
    /// Calls that were cancelled before they started.
    pub cancelled: u64,
    /// Threads over the target, which leave soon unless they are needed again.
    pub spares: usize,
}

/// How a pool was built.
#[derive(Clone, Debug)]
pub(crate) struct How {
    /// Threads are named `name-1`, `name-2` ...
    pub(crate) name: String,
    pub(crate) stack_size: usize,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) bound: Option<(usize, OnFull)>,
    /// A call has its thread for itself from the start, so nobody else may run it.
    pub(crate) own_threads: bool,
}

const CLOSED: u8 = 1;
/// `busy < target`: a submission has to see to it that somebody takes it.
const VACANT: u8 = 2;
/// `busy > target`: a worker has to stand down.
const OVER: u8 = 4;
/// The calls in `front` come first.
const FRONT: u8 = 8;
/// The queue has a limit.
const BOUND: u8 = 16;
/// Closed, and the last worker has left.
const GONE: u8 = 32;

/// Alone in its cache lines, since the others of the pool are written all the time.
#[derive(Default)]
#[repr(align(128))]
struct Padded<T>(T);

pub(crate) struct Crew {
    id: HomeId,
    how: How,
    sender: Sender<Arc<dyn Call>>,
    receiver: Receiver<Arc<dyn Call>>,
    flags: Padded<AtomicU8>,
    /// Entries of the queue that nobody has to run. Below zero for a moment when one is taken out before it is counted.
    shells: Padded<AtomicIsize>,
    cancelled: AtomicU64,
    places: Mutex<Places>,
    /// A worker has left a closed pool.
    gone: Condvar,
    /// There may be room in a bounded queue.
    room: Condvar,
    /// What a new thread does: handed down from `worker.rs`.
    main: fn(Arc<Crew>, Arc<Seat>),
}

#[derive(Default)]
struct Places {
    target: usize,
    /// Places taken: workers that run a call or look for one.
    busy: usize,
    /// Workers in a wait, without a place.
    blocked: usize,
    /// Workers with nothing to do, without a place, the coldest first.
    parked: Vec<Arc<Seat>>,
    /// All workers, by number.
    seats: HashMap<u64, Arc<Seat>>,
    next_number: u64,
    /// Threads that were started and not seen to end.
    threads: usize,
    /// Threads of a closed pool that are about to end, for whoever waits for that.
    leaving: Vec<Arc<Seat>>,
    /// Calls that come before those in the channel: taken out of it and given back.
    front: VecDeque<Arc<dyn Call>>,
    /// Of a bounded queue: calls that were taken in, have not ended, and are not blocked.
    outstanding: usize,
    closed: bool,
    gone: bool,
    /// The counts of workers that have left, and of calls that ran elsewhere.
    finished: u64,
    panicked: u64,
}

/// One thread of a pool.
pub(crate) struct Seat {
    number: u64,
    thread: OnceLock<Thread>,
    handle: Mutex<Option<JoinHandle<()>>>,
    /// Written under the lock of the places.
    mode: AtomicU8,
    errand: Mutex<Option<Arc<Help>>>,
    /// Calls on its stack, the ended ones, and those of them that panicked: written by its thread only.
    depth: AtomicU64,
    finished: AtomicU64,
    panicked: AtomicU64,
}

const ACTIVE: u8 = 0;
const BLOCKED: u8 = 1;
const PARKED: u8 = 2;

impl Seat {
    pub(crate) fn is_active(&self) -> bool {
        self.mode.load(Ordering::Acquire) == ACTIVE
    }

    pub(crate) fn take_errand(&self) -> Option<Arc<Help>> {
        lock(&self.errand).take()
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// Adds to a counter that only this thread writes.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

impl Runner for (&Crew, &Seat) {
    fn began(&self) {
        bump(&self.1.depth, 1);
    }

    fn ended(&self, panicked: bool) {
        bump(&self.1.depth, u64::MAX);
        bump(&self.1.finished, 1);
        bump(&self.1.panicked, u64::from(panicked));
        self.0.make_room();
    }
}

/// For a call that its caller runs.
struct Guest<'a>(&'a Crew);

impl Runner for Guest<'_> {
    fn began(&self) {}

    fn ended(&self, panicked: bool) {
        let mut places = self.0.lock();
        places.finished += 1;
        places.panicked += u64::from(panicked);
    }
}

/// How long a spare thread stays for the next one who needs it.
const SPARE_TIMEOUT: Duration = Duration::from_millis(200);
/// How often a worker looks for a call before it parks: waking it costs its submitter microseconds.
const SPINS: u32 = 100;
/// Below so many shells a queue is not swept.
const SWEEP: isize = 1024;

impl Crew {
    pub(crate) fn new(how: How, target: usize, main: fn(Arc<Crew>, Arc<Seat>)) -> Arc<Self> {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let crew = Arc::new(Self {
            id: context::new_home_id(),
            how,
            sender,
            receiver,
            flags: Padded::default(),
            shells: Padded::default(),
            cancelled: AtomicU64::new(0),
            places: Mutex::new(Places { target, ..Places::default() }),
            gone: Condvar::new(),
            room: Condvar::new(),
            main,
        });
        crew.publish(&crew.lock());
        let home: std::sync::Weak<Crew> = Arc::downgrade(&crew);
        context::register_home(crew.id, home);
        crew
    }

    pub(crate) fn id(&self) -> HomeId {
        self.id
    }

    pub(crate) fn how(&self) -> &How {
        &self.how
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        lock(&self.places)
    }

    fn has(&self, flags: u8) -> bool {
        self.flags.0.load(Ordering::SeqCst) & flags != 0
    }

    /// Brings the digest up to date: the last thing that a change of the places does.
    fn publish(&self, places: &Places) {
        let flag = |flag, condition| if condition { flag } else { 0 };
        let flags = flag(CLOSED, places.closed)
            | flag(VACANT, places.busy < places.target)
            | flag(OVER, places.busy > places.target)
            | flag(FRONT, !places.front.is_empty())
            | flag(BOUND, self.how.bound.is_some())
            | flag(GONE, places.gone);
        if self.flags.0.load(Ordering::Relaxed) != flags {
            self.flags.0.store(flags, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
    }

    fn has_queued(&self, places: &Places) -> bool {
        !places.front.is_empty() || !self.receiver.is_empty()
    }

    // Calls come in.

    /// Takes in a call that has all its arguments. `node` is the call too: `call` itself goes away with the queue.
    pub(crate) fn submit(self: &Arc<Self>, call: Arc<dyn Call>, node: &dyn Call) {
        if !self.has(CLOSED | BOUND) {
            return self.enqueue(call, node, false);
        }
        let inside = context::is_inside(self.id);
        if self.has(CLOSED) && (!inside || self.has(GONE)) {
            return self.refuse(node, TaskError::Closed);
        }
        match self.find_room(inside) {
            Room::Found => self.enqueue(call, node, inside),
            Room::Refused(error) => self.refuse(node, error),
            Room::RunHere => drop(context::as_guest(self.id, || call.run(&Guest(self)))),
        }
    }

    fn enqueue(self: &Arc<Self>, call: Arc<dyn Call>, node: &dyn Call, inside: bool) {
        let Ok(()) = self.sender.send(call) else { unreachable!("the pool holds the other end") };
        fence(Ordering::SeqCst);
        if !self.has(CLOSED | VACANT) {
            return;
        }
        if self.has(CLOSED) && (self.has(GONE) || !(inside || context::is_inside(self.id))) {
            node.lose(TaskError::Closed);
            return;
        }
        if let Err(error) = self.hire(1)
            && (self.how.own_threads || self.lock().busy == 0)
        {
            node.lose(TaskError::Spawn(SpawnError::new(node.site(), error)));
        }
    }

    /// Ends a call that was not taken in.
    fn refuse(&self, node: &dyn Call, error: TaskError) {
        // `withdrawn` counts a shell and a call less, for a call that stood in the queue.
        self.shells.0.fetch_sub(1, Ordering::Relaxed);
        if self.how.bound.is_some() {
            self.lock().outstanding += 1;
        }
        node.lose(error);
    }

    /// Room for one more call in a bounded queue. `queue` calls may wait, and as many more as there are workers to take them:
    /// whether one is refused does not hang on how fast a free worker was.
    fn find_room(&self, inside: bool) -> Room {
        let Some((bound, on_full)) = self.how.bound else { return Room::Found };
        let is_full = |places: &mut Places| !places.closed && places.outstanding >= bound.saturating_add(places.target);
        let mut places = self.lock();
        if inside || !is_full(&mut places) {
            places.outstanding += 1;
            return Room::Found;
        }
        match on_full {
            OnFull::Reject => return Room::Refused(TaskError::Rejected),
            OnFull::RunHere if context::here().is_none_or(|here| here.has_stack()) => return Room::RunHere,
            // Beyond the stack limit only the queue is left.
            OnFull::RunHere => {
                places.outstanding += 1;
                return Room::Found;
            }
            OnFull::Block => drop(places),
        }
        context::away(|| {
            let mut places = self.room.wait_while(self.lock(), is_full).unwrap_or_else(PoisonError::into_inner);
            if places.closed {
                return Room::Refused(TaskError::Closed);
            }
            places.outstanding += 1;
            Room::Found
        })
    }

    /// A call of a bounded queue has ended, is blocked, or was withdrawn.
    fn make_room(&self) {
        if self.how.bound.is_some() {
            let mut places = self.lock();
            places.outstanding = places.outstanding.saturating_sub(1);
            drop(places);
            self.room.notify_one();
        }
    }

    // Threads get places.

    /// Gives places to as many as `limit` threads while there are calls for them and places left.
    fn hire(self: &Arc<Self>, limit: usize) -> io::Result<()> {
        for _ in 0..limit {
            let places = self.lock();
            if places.busy >= places.target || !self.has_queued(&places) {
                break;
            }
            self.place(places, None)?;
        }
        Ok(())
    }

    /// Gives a place to a parked thread, or to a new one, which then starts with `errand`.
    fn place(self: &Arc<Self>, mut places: MutexGuard<'_, Places>, errand: Option<Arc<Help>>) -> io::Result<()> {
        places.busy += 1;
        if let Some(seat) = places.parked.pop() {
            *lock(&seat.errand) = errand;
            seat.mode.store(ACTIVE, Ordering::Release);
            self.publish(&places);
            drop(places);
            seat.unpark();
            return Ok(());
        }
        places.next_number += 1;
        places.threads += 1;
        let seat = Arc::new(Seat {
            number: places.next_number,
            thread: OnceLock::new(),
            handle: Mutex::default(),
            mode: AtomicU8::new(ACTIVE),
            errand: Mutex::new(errand),
            depth: AtomicU64::new(0),
            finished: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
        });
        places.seats.insert(seat.number, seat.clone());
        self.publish(&places);
        drop(places);
        let builder = thread::Builder::new().name(format!("{}-{}", self.how.name, seat.number));
        let (crew, own, main) = (self.clone(), seat.clone(), self.main);
        let started = builder.stack_size(self.how.stack_size).spawn(move || {
            drop(own.thread.set(thread::current()));
            main(crew, own);
        });
        match started {
            Ok(handle) => *lock(&seat.handle) = Some(handle),
            Err(error) => {
                let mut places = self.lock();
                places.busy -= 1;
                places.threads -= 1;
                places.seats.remove(&seat.number);
                self.publish(&places);
                self.gone.notify_all();
                return Err(error);
            }
        }
        Ok(())
    }

    /// The worker blocks: its place goes to a thread that starts with what `help` has ready, or takes the next call.
    ///
    /// An error says that the system refused that thread and no other has a place: the worker has its own again.
    pub(crate) fn leave(self: &Arc<Self>, seat: &Seat, help: Option<&Arc<Help>>) -> io::Result<()> {
        let mut places = self.lock();
        seat.mode.store(BLOCKED, Ordering::Release);
        places.busy -= 1;
        places.blocked += 1;
        places.outstanding = places.outstanding.saturating_sub(1);
        self.publish(&places);
        drop(places);
        self.room.notify_one();
        let errand = help.filter(|help| help.hand_over());
        let hired = match errand {
            Some(errand) => self.place(self.lock(), Some(errand.clone())),
            None => self.hire(1),
        };
        let Err(error) = hired else { return Ok(()) };
        if errand.is_some() && self.lock().busy == 0 {
            self.resume(seat);
            return Err(error);
        }
        self.starve(&error);
        Ok(())
    }

    /// A worker in a wait has its place again, at once: it may hold a lock that others want.
    pub(crate) fn resume(&self, seat: &Seat) {
        let mut places = self.lock();
        if seat.mode.load(Ordering::Relaxed) == BLOCKED {
            seat.mode.store(ACTIVE, Ordering::Release);
            places.busy += 1;
            places.blocked -= 1;
            places.outstanding += 1;
            self.publish(&places);
        }
        drop(places);
        seat.unpark();
    }

    // Workers take calls.

    /// Runs calls on the current thread until it is not needed any more.
    pub(crate) fn serve(self: &Arc<Self>, seat: &Arc<Seat>) {
        loop {
            while let Some(errand) = seat.take_errand() {
                while let Some(call) = errand.pop() {
                    self.run_early(seat, call);
                }
            }
            if let Some(call) = self.next_call() {
                if !call.run(&(&**self, &**seat)) {
                    self.shells.0.fetch_sub(1, Ordering::Relaxed);
                }
            } else if !self.stand_down(seat) {
                return;
            }
        }
    }

    /// Runs a call of this pool before its turn, if nobody has taken it.
    pub(crate) fn run_early(&self, seat: &Seat, call: Arc<dyn Call>) -> bool {
        let ran = call.run(&(self, seat));
        if ran && self.shells.0.fetch_add(1, Ordering::Relaxed) >= SWEEP {
            self.sweep();
        }
        ran
    }

    fn next_call(&self) -> Option<Arc<dyn Call>> {
        for turn in 0..SPINS {
            if self.has(OVER | FRONT) {
                break;
            }
            if let Ok(call) = self.receiver.try_recv() {
                if !self.has(OVER) {
                    return Some(call);
                }
                // Taken before the pool was paused, or submitted after: it may not start.
                let mut places = self.lock();
                places.front.push_front(call);
                self.publish(&places);
                break;
            }
            if turn + 4 < SPINS { std::hint::spin_loop() } else { thread::yield_now() }
        }
        let mut places = self.lock();
        if places.busy > places.target {
            return None;
        }
        let call = places.front.pop_front();
        self.publish(&places);
        call
    }

    /// Parks until there is something to do; `false` when the thread should end.
    fn stand_down(self: &Arc<Self>, seat: &Arc<Seat>) -> bool {
        let mut places = self.lock();
        places.busy -= 1;
        self.publish(&places);
        if places.busy < places.target && self.has_queued(&places) {
            places.busy += 1;
            self.publish(&places);
            return true;
        }
        seat.mode.store(PARKED, Ordering::Release);
        places.parked.push(seat.clone());
        let since = Instant::now();
        loop {
            let is_spare = places.parked.len() + places.busy > places.target;
            let patience = if is_spare { Some(SPARE_TIMEOUT) } else { self.how.idle_timeout };
            let left = patience.map(|patience| patience.saturating_sub(since.elapsed()));
            if places.closed || left.is_some_and(|left| left.is_zero()) {
                self.retire(places, seat);
                return false;
            }
            drop(places);
            left.map_or_else(thread::park, thread::park_timeout);
            if seat.is_active() {
                return true;
            }
            places = self.lock();
            if seat.is_active() {
                return true;
            }
        }
    }

    fn retire(&self, mut places: MutexGuard<'_, Places>, seat: &Arc<Seat>) {
        places.parked.retain(|parked| !Arc::ptr_eq(parked, seat));
        places.seats.remove(&seat.number);
        places.finished += seat.finished.load(Ordering::Relaxed);
        places.panicked += seat.panicked.load(Ordering::Relaxed);
        if places.closed {
            places.leaving.push(seat.clone());
            places.gone = places.seats.is_empty();
        } else {
            places.threads -= 1;
        }
        self.publish(&places);
        drop(places);
        self.gone.notify_all();
    }

    /// Everything that stands in the queue now, shells included.
    fn take_queue(&self) -> Vec<Arc<dyn Call>> {
        let mut places = self.lock();
        let mut calls: Vec<_> = places.front.drain(..).collect();
        calls.extend(self.receiver.try_iter().take(self.receiver.len()));
        // A shell that goes is one less; for a call, `withdrawn` will count one that is not there.
        self.shells.0.fetch_sub(isize::try_from(calls.len()).unwrap_or(isize::MAX), Ordering::Relaxed);
        self.publish(&places);
        calls
    }

    /// Drops the shells if they are the greater part of the queue.
    fn sweep(&self) {
        let mut places = self.lock();
        let entries = self.receiver.len();
        if self.shells.0.load(Ordering::Relaxed).unsigned_abs() * 2 < entries {
            return;
        }
        let (calls, shells): (Vec<_>, Vec<_>) =
            self.receiver.try_iter().take(entries).partition(|call| call.is_queued());
        places.front.extend(calls);
        self.shells.0.fetch_sub(isize::try_from(shells.len()).unwrap_or(isize::MAX), Ordering::Relaxed);
        self.publish(&places);
        drop(places);
        drop(shells);
    }

    // The owner operates the pool.

    pub(crate) fn target(&self) -> usize {
        self.lock().target
    }

    pub(crate) fn set_target(self: &Arc<Self>, target: usize) {
        let mut places = self.lock();
        if places.closed {
            return;
        }
        places.target = target;
        self.publish(&places);
        // Whoever has become a spare has less patience.
        places.parked.iter().for_each(|seat| seat.unpark());
        let waiting = places.front.len() + self.receiver.len();
        drop(places);
        self.room.notify_all();
        if let Err(error) = self.hire(waiting) {
            self.starve(&error);
        }
    }

    /// No thread could be had: if nobody has a place, nobody is left who could take the calls in the queue, and nobody would
    /// say when that changes.
    fn starve(&self, error: &io::Error) {
        let places = self.lock();
        if places.busy > 0 || places.target == 0 {
            return;
        }
        drop(places);
        for call in self.take_queue() {
            let again = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            call.lose(TaskError::Spawn(SpawnError::new(call.site(), again)));
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        self.take_queue().iter().filter(|call| call.lose(TaskError::Cancelled)).count()
    }

    /// Closes the pool and waits for its workers: whether they are gone. From a call of the pool itself it does not wait.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> bool {
        let mut places = self.lock();
        places.closed = true;
        places.gone = places.seats.is_empty();
        let paused = places.target == 0;
        // What the calls that run still make has to end.
        places.target = places.target.max(1);
        self.publish(&places);
        places.parked.iter().for_each(|seat| seat.unpark());
        drop(places);
        self.room.notify_all();
        if paused {
            self.close_queued();
        }
        !context::is_inside(self.id) && context::away(|| self.wait_gone(deadline))
    }

    fn close_queued(&self) {
        for call in self.take_queue() {
            call.lose(TaskError::Closed);
        }
    }

    fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        let mut places = self.lock();
        loop {
            if let Some(seat) = places.leaving.pop() {
                drop(places);
                join(&seat);
                places = self.lock();
                places.threads -= 1;
                self.gone.notify_all();
            } else if places.threads == 0 {
                break;
            } else if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                places = self.gone.wait_timeout(places, left).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                places = self.gone.wait(places).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(places);
        // Submissions that raced with the close, and were not told yet.
        self.close_queued();
        true
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let places = self.lock();
        let seats = || places.seats.values();
        let in_calls = seats().filter(|seat| seat.depth.load(Ordering::Relaxed) > 0).count();
        let room = places.target.saturating_sub(places.busy);
        let spares = places.parked.len().saturating_sub(room);
        let shells = usize::try_from(self.shells.0.load(Ordering::Relaxed)).unwrap_or(0);
        PoolStats {
            workers: places.target,
            idle: (places.seats.len() - in_calls).saturating_sub(spares),
            running: in_calls.saturating_sub(places.blocked),
            blocked: places.blocked,
            queued: (places.front.len() + self.receiver.len()).saturating_sub(shells),
            finished: places.finished + seats().map(|seat| seat.finished.load(Ordering::Relaxed)).sum::<u64>(),
            panicked: places.panicked + seats().map(|seat| seat.panicked.load(Ordering::Relaxed)).sum::<u64>(),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            spares,
        }
    }
}

enum Room {
    Found,
    RunHere,
    Refused(TaskError),
}

/// Waits for a thread that has left. Its starter may not have put its handle down yet.
fn join(seat: &Seat) {
    loop {
        let handle = lock(&seat.handle).take();
        match handle {
            // The last owner of a pool may be a thread-local of one of its workers.
            Some(handle) if handle.thread().id() == thread::current().id() => return,
            Some(handle) => return drop(handle.join()),
            None => thread::yield_now(),
        }
    }
}

impl Home for Crew {
    fn id(&self) -> HomeId {
        self.id
    }

    fn admit(self: Arc<Self>, call: Arc<dyn Call>, inside: bool, at_call: bool) {
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

    fn withdrawn(&self, queued: bool, cancelled: bool) {
        if cancelled {
            self.cancelled.fetch_add(1, Ordering::Relaxed);
        }
        if queued {
            self.shells.0.fetch_add(1, Ordering::Relaxed);
            self.make_room();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        context::forget_home(self.id);
    }
}

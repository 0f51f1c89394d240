//! The inside of a pool: its queue, and who gets a place.

use std::io;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::context;
use crate::context::Call;
use crate::context::Help;
use crate::context::Home;
use crate::context::HomeId;
use crate::context::Runner;
use crate::context::lock;
use crate::error::SpawnError;
use crate::error::TaskError;
use crate::limits::How;
use crate::limits::OnFull;
use crate::places::ACTIVE;
use crate::places::BLOCKED;
use crate::places::BOUND;
use crate::places::CLOSED;
use crate::places::FRONT;
use crate::places::GONE;
use crate::places::OVER;
use crate::places::Padded;
use crate::places::Places;
use crate::places::Seat;
use crate::places::VACANT;
use crate::places::bump;
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

pub(crate) struct Crew {
    pub(crate) id: HomeId,
    pub(crate) how: How,
    pub(crate) sender: Sender<Arc<dyn Call>>,
    pub(crate) receiver: Receiver<Arc<dyn Call>>,
    pub(crate) flags: Padded<AtomicU8>,
    /// Entries of the queue that nobody has to run. Below zero for a moment when one is taken out before it is counted.
    pub(crate) shells: Padded<AtomicIsize>,
    /// Threads with a place that found the queue empty, or were just given one, and look for a call. Each takes one, and
    /// then sees to the next; so nobody else is woken for a call that one of them will take.
    pub(crate) searching: Padded<AtomicUsize>,
    pub(crate) cancelled: AtomicUsize,
    pub(crate) places: Mutex<Places>,
    /// A worker has left a closed pool.
    pub(crate) gone: Condvar,
    /// There may be room in a bounded queue.
    pub(crate) room: Condvar,
    /// What a new thread does: handed down from `worker.rs`.
    pub(crate) main: fn(Arc<Crew>, Arc<Seat>),
}

/// A worker that runs a call.
pub(crate) struct Stint<'a> {
    pub(crate) crew: &'a Crew,
    pub(crate) seat: &'a Seat,
    /// Before its turn: its shell stays in the queue.
    pub(crate) early: bool,
    /// Inside the wait of another, which takes up room as long as its thread runs; the call in there takes none besides.
    pub(crate) nested: bool,
}

impl Runner for Stint<'_> {
    fn began(&self) {
        bump(&self.seat.depth, 1);
        if self.early {
            self.crew.shells.0.fetch_add(1, Ordering::Relaxed);
        }
        if self.nested {
            self.crew.make_room();
        }
    }

    fn ended(&self, panicked: bool) {
        bump(&self.seat.depth, usize::MAX);
        bump(&self.seat.finished, 1);
        bump(&self.seat.panicked, usize::from(panicked));
        if !self.nested {
            self.crew.make_room();
        }
    }
}

/// For a call that its caller runs.
struct Guest<'a>(&'a Crew);

impl Runner for Guest<'_> {
    fn began(&self) {}

    fn ended(&self, panicked: bool) {
        let mut places = self.0.lock();
        places.finished += 1;
        places.panicked += usize::from(panicked);
    }
}

impl Crew {
    pub(crate) fn new(how: How, target: usize, main: fn(Arc<Crew>, Arc<Seat>)) -> Arc<Self> {
        let (sender, receiver) = unbounded();
        let crew = Arc::new(Self {
            id: context::new_home_id(),
            how,
            sender,
            receiver,
            flags: Padded::default(),
            shells: Padded::default(),
            searching: Padded::default(),
            cancelled: AtomicUsize::new(0),
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

    pub(crate) fn lock(&self) -> MutexGuard<'_, Places> {
        lock(&self.places)
    }

    pub(crate) fn has(&self, flags: u8) -> bool {
        self.flags.0.load(Ordering::SeqCst) & flags != 0
    }

    /// Brings the digest up to date: the last thing that a change of the places does.
    pub(crate) fn publish(&self, places: &Places) {
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

    /// About: the lock is not taken for it.
    pub(crate) fn queue_len(&self) -> usize {
        self.receiver.len() + usize::from(self.has(FRONT))
    }

    pub(crate) fn has_queued(&self, places: &Places) -> bool {
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
        self.hire_or_starve(1);
        // The last worker may have left before it saw the call, and the first look of this thread.
        if self.has(GONE) {
            node.lose(TaskError::Closed);
        }
    }

    /// Ends a call that was not taken in.
    fn refuse(&self, node: &dyn Call, error: TaskError) {
        // `withdrawn`, or whoever runs it at this moment, counts a shell and a call less, as for a call in the queue.
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
        let is_full = |places: &mut Places| {
            let outstanding = usize::try_from(places.outstanding).unwrap_or(0);
            !places.closed && outstanding >= bound.saturating_add(places.target)
        };
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
            places.outstanding -= 1;
            drop(places);
            self.room.notify_one();
        }
    }

    // Threads get places.

    /// Gives places to as many as `limit` threads while there are calls for them and places left.
    fn hire(self: &Arc<Self>, limit: usize) -> io::Result<()> {
        for _ in 0..limit {
            if self.queue_len() <= self.searching.0.load(Ordering::SeqCst) {
                break;
            }
            let places = self.lock();
            if places.gone || places.busy >= places.target || !self.has_queued(&places) {
                break;
            }
            self.place(places, None)?;
        }
        Ok(())
    }

    /// As [`hire`](Self::hire). If no thread can be had and nobody else has a place, nobody is left who could take the calls in
    /// the queue, and nobody would say when that changes: they end.
    pub(crate) fn hire_or_starve(self: &Arc<Self>, limit: usize) {
        let Err(error) = self.hire(limit) else { return };
        loop {
            let mut places = self.lock();
            if places.target == 0 || (places.busy > 0 && !self.how.own_threads) {
                return;
            }
            // The threads that are looking for a call take one each, and the last of them sees to what is left then.
            let mut served = self.searching.0.load(Ordering::SeqCst);
            let starved = self.take_out(&mut places, |call| {
                let stays = served > 0 && call.is_queued();
                served -= usize::from(stays);
                !stays
            });
            let stay = places.front.len();
            drop(places);
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

    /// Gives a place to a parked thread, or to a new one, which then starts with `errand`.
    fn place(self: &Arc<Self>, mut places: MutexGuard<'_, Places>, errand: Option<Arc<Help>>) -> io::Result<()> {
        places.busy += 1;
        let searches = errand.is_none();
        if searches {
            self.searching.0.fetch_add(1, Ordering::SeqCst);
        }
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
            depth: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
            panicked: AtomicUsize::new(0),
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
                if searches {
                    self.searching.0.fetch_sub(1, Ordering::SeqCst);
                }
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
    pub(crate) fn leave(self: &Arc<Self>, seat: &Seat, mode: u8, help: Option<&Arc<Help>>) -> io::Result<()> {
        let mut places = self.lock();
        seat.mode.store(mode, Ordering::Release);
        places.busy -= 1;
        places.blocked += 1;
        places.outstanding -= 1;
        // In the same moment, so that nobody else takes the place, and who comes back finds a spare in it. A paused pool has no
        // spares: whoever ends the pause sees to those who are blocked.
        let errand = help.filter(|help| help.hand_over());
        let Some(errand) = errand.filter(|_| places.target > 0) else {
            errand.inspect(|errand| errand.abandon());
            self.publish(&places);
            drop(places);
            self.room.notify_one();
            self.hire_or_starve(1);
            return Ok(());
        };
        let spare = self.place(places, Some(errand.clone()));
        self.room.notify_one();
        let Err(error) = spare else { return Ok(()) };
        errand.abandon();
        if self.lock().busy > 0 {
            return Ok(());
        }
        self.resume(seat);
        Err(error)
    }

    /// A worker in a wait has its place again, at once: it may hold a lock that others want.
    pub(crate) fn resume(&self, seat: &Seat) {
        self.take_place_again(seat, BLOCKED);
        seat.unpark();
    }

    /// The current worker, which left in that mode, has its place again if nobody has given it back.
    pub(crate) fn take_place_again(&self, seat: &Seat, mode: u8) {
        let mut places = self.lock();
        if seat.mode.load(Ordering::Relaxed) == mode {
            seat.mode.store(ACTIVE, Ordering::Release);
            places.busy += 1;
            places.blocked -= 1;
            places.outstanding += 1;
            self.publish(&places);
        }
    }

    /// Everything that stands in the queue now, shells included.
    pub(crate) fn take_queue(&self) -> Vec<Arc<dyn Call>> {
        self.take_out(&mut self.lock(), |_| true)
    }

    /// What `which` finds in the queue now, shells included.
    fn take_out(&self, places: &mut Places, mut which: impl FnMut(&dyn Call) -> bool) -> Vec<Arc<dyn Call>> {
        let mut all: Vec<_> = places.front.drain(..).collect();
        all.extend(self.receiver.try_iter().take(self.receiver.len()));
        let (out, stay): (Vec<_>, Vec<_>) = all.into_iter().partition(|call| which(&**call));
        places.front.extend(stay);
        // A shell that goes is one less; for a call, `withdrawn` will count one that is not there.
        self.shells.0.fetch_sub(isize::try_from(out.len()).unwrap_or(isize::MAX), Ordering::Relaxed);
        self.publish(places);
        out
    }

    /// Drops the shells if they are many, and the greater part of the queue.
    pub(crate) fn sweep(&self) {
        let shells = usize::try_from(self.shells.0.load(Ordering::Relaxed)).unwrap_or(0);
        if shells < SWEEP {
            return;
        }
        let mut places = self.lock();
        let entries = places.front.len() + self.receiver.len();
        if shells * 2 < entries {
            return;
        }
        let shells = self.take_out(&mut places, |call| !call.is_queued());
        drop(places);
        drop(shells);
    }
}

/// Below so many shells a queue is not swept.
const SWEEP: usize = 1024;

enum Room {
    Found,
    RunHere,
    Refused(TaskError),
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
            self.sweep();
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        context::forget_home(self.id);
    }
}

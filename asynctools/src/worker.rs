//! One thread of a pool: how it takes calls, and what it does when a call on it waits for another.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::context;
use crate::context::Call;
use crate::context::Help;
use crate::context::Here;
use crate::context::HomeId;
use crate::context::Parked;
use crate::context::Survey;
use crate::context::Waiter;
use crate::crew::Crew;
use crate::crew::Stint;
use crate::error::SpawnError;
use crate::error::TaskError;
use crate::places::AWAY;
use crate::places::BLOCKED;
use crate::places::FRONT;
use crate::places::OVER;
use crate::places::PARKED;
use crate::places::Places;
use crate::places::Seat;
use crate::places::VACANT;
use crate::sync::Instant;
use crate::sync::MutexGuard;
use crate::sync::hint;
use crate::sync::thread;
use crate::sync::turns;

// Implementation
//
// A wait inside a call, in the order of what is tried:
//
// 1. The awaited call stands in the queue of the same pool: the waiter runs it, on its own stack.
// 2. It waits for arguments: the calls that it needs are looked up once (`Help::survey`). The waiter runs those that are ready,
//    and hears of each of the others as soon as that is. It runs nothing else: an unrelated call may want a lock that it
//    holds.
// 3. Nothing of that is ready: the waiter gives up its place (`Crew::leave`) and parks until its call has ended, or one that
//    it needs is ready.
//
// A wait with a deadline cannot run a call, since it could not break it off, and a waiter that has used half of its stack
// should not. Their place goes to a spare thread that starts with those same calls.

/// A worker, as those see it who wake it.
struct Berth {
    crew: Arc<Crew>,
    seat: Arc<Seat>,
}

impl Parked for Berth {
    fn nudge(&self) {
        self.crew.resume(&self.seat);
    }

    fn is_blocked(&self) -> bool {
        self.seat.is_blocked()
    }
}

/// A worker, as the calls on it see it.
struct Worker {
    berth: Arc<Berth>,
    /// The same, as others know it.
    parked: Arc<dyn Parked>,
    /// Where the stack began.
    base: usize,
}

/// What a thread of a pool does from its first moment to its last.
pub(crate) fn main(crew: Arc<Crew>, seat: Arc<Seat>) {
    let berth = Arc::new(Berth { crew, seat });
    let worker = Worker { parked: berth.clone(), berth: berth.clone(), base: stack_position() };
    context::settle(berth.crew.id(), Some(Rc::new(worker)));
    berth.crew.serve(&berth.seat);
    // Still inside of its pool: the destructors of its thread-locals do not wait for its end.
    context::settle(berth.crew.id(), None);
}

/// How long a spare thread stays for the next one who needs it.
const SPARE_TIMEOUT: Duration = Duration::from_millis(200);
/// How often a worker looks for a call before it parks: waking it costs its submitter microseconds.
const SPINS: u32 = turns(100);
/// In a flood a worker that has caught up stays behind for so many turns. At the heels of who submits, it would take the cache
/// lines that the next submission writes to: of a batch of calls that do nothing, that is a fifth of the time. A lone call is
/// no flood, and finds the worker looking.
const REST: u32 = turns(200);
/// So many calls have to come in a rest for another one to pay.
const WORTH: usize = 4;
/// The last turns let others run, who may have a call to submit.
const YIELDS: u32 = turns(4);

impl Crew {
    /// Runs calls on the current thread until it is not needed any more.
    pub(crate) fn serve(self: &Arc<Self>, seat: &Arc<Seat>) {
        let mut searching = !self.run_errands(seat);
        let mut flood = false;
        loop {
            if let Some(call) = self.next_call(&mut searching, &mut flood) {
                if !call.run(&Stint { crew: self, seat, early: false, nested: false }) {
                    self.shells.0.fetch_sub(1, Ordering::Relaxed);
                }
            } else if self.stand_down(seat, searching) {
                searching = !self.run_errands(seat);
            } else {
                return;
            }
        }
    }

    /// What a thread in the place of a waiter starts with: whether there was anything. It stands down for others when the
    /// waiter has its place again.
    fn run_errands(&self, seat: &Seat) -> bool {
        let Some(errand) = seat.take_errand() else { return false };
        while let Some(call) = errand.pop_for_spare() {
            self.run_early(seat, call, false);
            if self.has(OVER) && !errand.is_owner_blocked() {
                errand.give_back();
                break;
            }
        }
        true
    }

    /// Runs a call of this pool before its turn, if nobody has taken it.
    fn run_early(&self, seat: &Seat, call: Arc<dyn Call>, nested: bool) -> bool {
        let ran = call.run(&Stint { crew: self, seat, early: true, nested });
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
                    let mut places = self.lock();
                    places.front.push_front(call);
                    self.publish(&places);
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
        let mut places = self.lock();
        if places.busy > places.target {
            return None;
        }
        let call = places.front.pop_front();
        self.publish(&places);
        drop(places);
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
            self.hire_or_starve(1);
        }
    }

    /// Parks until there is something to do; `false` when the thread should end.
    fn stand_down(self: &Arc<Self>, seat: &Arc<Seat>, searching: bool) -> bool {
        let mut places = self.lock();
        places.busy -= 1;
        if searching {
            self.searching.0.fetch_sub(1, Ordering::SeqCst);
        }
        self.publish(&places);
        if places.busy < places.target && self.has_queued(&places) {
            places.busy += 1;
            self.searching.0.fetch_add(1, Ordering::SeqCst);
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
        let ended: Vec<_> = if places.closed {
            places.gone = places.seats.is_empty();
            // Where nobody waits for the end of the pool, its threads clear each other away.
            let ended = places.leaving.extract_if(.., |seat| seat.has_ended()).collect();
            places.leaving.push(seat.clone());
            ended
        } else {
            places.threads -= 1;
            Vec::new()
        };
        self.publish(&places);
        drop(places);
        for seat in &ended {
            seat.join();
        }
        self.lock().threads -= ended.len();
        self.gone.notify_all();
    }
}

/// Where the stack is now, near enough. An address is a number like any other: nothing is read through it.
#[inline(never)]
fn stack_position() -> usize {
    let here = 0_u8;
    black_box(&raw const here).addr()
}

/// How often a worker looks for the end of the awaited call before it gives up its place.
const WAIT_SPINS: u32 = turns(64);

impl Worker {
    fn run_early(&self, call: Arc<dyn Call>) -> bool {
        self.berth.crew.run_early(&self.berth.seat, call, true)
    }

    /// Runs what `help` has ready, until `call` has ended.
    fn run_errands(&self, call: &dyn Call, help: &Help) {
        while !call.is_done()
            && self.has_stack()
            && let Some(next) = help.pop()
        {
            self.run_early(next);
        }
    }

    /// Parks until somebody gives the place back, or takes it back when the deadline comes.
    fn park(&self, deadline: Option<Instant>) {
        while !self.berth.seat.is_active() {
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => self.berth.crew.take_place_again(&self.berth.seat, BLOCKED),
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    fn wait_with(
        &self,
        call: &Arc<dyn Call>,
        deadline: Option<Instant>,
        help: Option<&Arc<Help>>,
    ) -> Result<bool, TaskError> {
        let mut enlisted = false;
        let result = loop {
            if deadline.is_none()
                && let Some(help) = help
            {
                self.run_errands(&**call, help);
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
            if let Err(error) = self.berth.crew.leave(&self.berth.seat, BLOCKED, help) {
                match deadline {
                    None => break Err(TaskError::WouldDeadlock(SpawnError::new(call.site(), error))),
                    // It ends by itself, and until then a thread may come free.
                    Some(deadline) => thread::park_timeout(deadline.saturating_duration_since(Instant::now())),
                }
                continue;
            }
            // Whoever ended the call before this thread was blocked found nobody to wake.
            if call.is_done() {
                self.berth.crew.take_place_again(&self.berth.seat, BLOCKED);
            }
            self.park(deadline);
        };
        if enlisted && !matches!(result, Ok(true)) {
            call.delist(&|waiter| matches!(waiter, Waiter::Worker(worker) if Arc::ptr_eq(worker, &self.parked)));
        }
        result
    }
}

impl Here for Worker {
    fn home(&self) -> HomeId {
        self.berth.crew.id()
    }

    fn wait(
        &self,
        call: &Arc<dyn Call>,
        deadline: Option<Instant>,
        help: Option<&Arc<Help>>,
    ) -> Result<bool, TaskError> {
        let crew = &self.berth.crew;
        if help.is_some() {
            return self.wait_with(call, deadline, help);
        }
        let may_run = deadline.is_none() && !crew.how().own_threads && call.home() == crew.id();
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
        let own = self.help(vec![call.clone()]);
        let result = self.wait_with(call, deadline, Some(&own));
        own.finish();
        result
    }

    fn help(&self, calls: Vec<Arc<dyn Call>>) -> Arc<Help> {
        let crew = &self.berth.crew;
        let help = Help::new(self.parked.clone());
        // A thread of `#[parallel]` runs its one call only.
        if !crew.how().own_threads {
            help.survey(calls, crew.id());
        }
        help
    }

    fn owns(&self, help: &Arc<Help>) -> bool {
        help.is_of(&self.parked)
    }

    fn leave(&self) {
        // Without an errand there is nothing to refuse.
        drop(self.berth.crew.leave(&self.berth.seat, AWAY, None));
    }

    fn come_back(&self) {
        self.berth.crew.take_place_again(&self.berth.seat, AWAY);
    }

    fn has_stack(&self) -> bool {
        self.base.abs_diff(stack_position()) < self.berth.crew.how().stack_size / 2
    }
}

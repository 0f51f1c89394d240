//! `Shared`: the state that the threads of a worker share.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use crate::broker::address::Address;
use crate::broker::connection::BrokerError;
use crate::message::request::Request;
use crate::registry::Registry;
use crate::wire::time::Timestamp;
use crate::worker::link::Link;

/// How many revoked calls a worker remembers, and for how long.
const REVOKED: (usize, Duration) = (10_000, Duration::from_secs(3 * 3600));

/// The threads that a worker runs its calls on. `asynctools` makes a `Pool` of them.
pub trait Threads: Send + Sync + 'static {
    /// Runs a job on a thread. The worker has at most [`count`](Self::count) jobs at once.
    fn run(&self, job: Box<dyn FnOnce() + Send>);

    /// Returns how many jobs may run at once. It may change at any time.
    fn count(&self) -> usize;

    /// Adds a thread, since one is busy with a call that was given up.
    fn grow(&self);

    /// Takes away a thread that was added.
    fn shrink(&self);
}

/// The configuration of a worker.
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) broker: Address,
    /// The backend, where it is not the broker.
    pub(crate) backend: Option<Address>,
    pub(crate) lists: Vec<String>,
    pub(crate) visibility_timeout: Duration,
    pub(crate) max_deliveries: u32,
    pub(crate) result_expires: Option<Duration>,
    pub(crate) result_extended: bool,
}

/// A message that a thread works on, or that is held until its time.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) number: u64,
    pub(crate) list: String,
    pub(crate) message: Vec<u8>,
}

/// A call that runs.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) request: Request,
    pub(crate) list: String,
    pub(crate) since: SystemTime,
    /// Whether its message was acknowledged before it began.
    pub(crate) acknowledged: bool,
    pub(crate) deadline: Option<Instant>,
}

#[derive(Default)]
pub(crate) struct State {
    /// How many jobs there are: those that run calls, and those whose message is being fetched.
    active: usize,
    /// The numbers of the messages that are taken and not acknowledged.
    held: BTreeSet<u64>,
    /// Those that may have been taken, since the connection broke before the answer.
    unsure: Vec<u64>,
    pub(crate) running: BTreeMap<u64, Running>,
    /// Messages whose time has come.
    ready: VecDeque<Delivery>,
    /// Messages whose time has not come.
    later: BinaryHeap<Reverse<(Timestamp, u64)>>,
    waiting: BTreeMap<u64, Delivery>,
    links: Vec<Link>,
    /// The ids of revoked calls, the oldest first, and when they were revoked.
    revoked: VecDeque<(String, Instant)>,
    /// How often the worker was told to stop.
    stops: u32,
    next: u64,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) threads: Arc<dyn Threads>,
    state: Mutex<State>,
    /// A job has ended, or the worker stops.
    pub(crate) freed: Condvar,
    /// The keeper has something to do sooner than it thought.
    pub(crate) sooner: Condvar,
}

impl Shared {
    pub(crate) fn new(config: Config, registry: Registry, threads: Arc<dyn Threads>) -> Self {
        let state = Mutex::default();
        Self { config, registry, threads, state, freed: Condvar::new(), sooner: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tag of the message with this number. Other workers' tags are different.
    pub(crate) fn tag(&self, number: u64) -> String {
        format!("{}:{number}", self.config.name)
    }

    /// Returns a connection that no thread uses, or a new one.
    pub(crate) fn link(&self) -> Result<Link, BrokerError> {
        let kept = self.lock().links.pop();
        kept.map_or_else(|| Link::open(&self.config.broker, self.config.backend.as_ref()), Ok)
    }

    pub(crate) fn keep(&self, link: Link) {
        self.lock().links.push(link);
    }

    /// Blocks until a thread is free. Returns `false` when the worker stops.
    pub(crate) fn wait_for_room(&self) -> bool {
        let mut state = self.lock();
        loop {
            if state.stopping() {
                return false;
            }
            if state.active < self.threads.count() {
                return true;
            }
            // The number of threads may grow without a word.
            state = self.freed.wait_timeout(state, Duration::from_secs(1)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reserves a thread for each message that may be taken: the numbers of the messages. Messages whose time has come go
    /// first.
    pub(crate) fn reserve(&self) -> Reserved {
        let mut state = self.lock();
        let free = self.threads.count().saturating_sub(state.active);
        if state.stopping() || free == 0 {
            return Reserved::Nothing;
        }
        if let Some(delivery) = state.ready.pop_front() {
            state.active += 1;
            return Reserved::Ready(delivery);
        }
        // A batch of them would be taken from the threads of other workers.
        let free = free.min(16);
        state.active += free;
        Reserved::Take((0..free).map(|_| state.hold()).collect())
    }

    /// Gives back the threads of messages that were not there.
    pub(crate) fn release(&self, numbers: &[u64]) {
        let mut state = self.lock();
        for number in numbers {
            state.held.remove(number);
            state.active -= 1;
        }
        self.room(&state);
    }

    /// Tells who waits for a thread that there may be one.
    fn room(&self, state: &State) {
        self.freed.notify_all();
        if !state.ready.is_empty() {
            self.sooner.notify_all();
        }
    }

    /// Returns the next step of a thread that has just ended a call.
    pub(crate) fn next(&self) -> Reserved {
        let mut state = self.lock();
        if state.stopping() || state.active > self.threads.count() {
            return Reserved::Nothing;
        }
        match state.ready.pop_front() {
            Some(delivery) => Reserved::Ready(delivery),
            None => Reserved::Take(vec![state.hold()]),
        }
    }

    /// Forgets messages that may have been taken; the keeper looks.
    pub(crate) fn doubt(&self, numbers: &[u64]) {
        let mut state = self.lock();
        state.held.retain(|number| !numbers.contains(number));
        state.unsure.extend(numbers);
        drop(state);
        self.sooner.notify_all();
    }

    /// Puts back a message whose time has come, which a thread could not take after all.
    pub(crate) fn ready_again(&self, delivery: Delivery) {
        self.lock().ready.push_front(delivery);
        self.sooner.notify_all();
    }

    /// Forgets a message that is acknowledged, or was not there.
    pub(crate) fn forget(&self, number: u64) {
        self.lock().held.remove(&number);
    }

    /// Ends a job.
    pub(crate) fn end_job(&self) {
        let mut state = self.lock();
        state.active -= 1;
        self.room(&state);
    }

    /// Notes that calls are revoked. Returns those that do not run here.
    pub(crate) fn revoke(&self, ids: &[String]) -> Vec<String> {
        let mut state = self.lock();
        let now = Instant::now();
        state.revoked.retain(|(_, since)| now - *since < REVOKED.1);
        state.revoked.extend(ids.iter().map(|id| (id.clone(), now)));
        let over = state.revoked.len().saturating_sub(REVOKED.0);
        state.revoked.drain(..over);
        let runs = |id: &String| state.running.values().any(|running| running.request.id == *id);
        ids.iter().filter(|id| !runs(id)).cloned().collect()
    }

    pub(crate) fn is_revoked(&self, id: &str) -> bool {
        let state = self.lock();
        !state.revoked.is_empty() && state.revoked.iter().any(|(revoked, _)| revoked == id)
    }

    /// Notes that a call runs.
    pub(crate) fn begin_call(&self, number: u64, running: Running) {
        let mut state = self.lock();
        let sooner = running.deadline.is_some();
        state.running.insert(number, running);
        drop(state);
        if sooner {
            self.sooner.notify_all();
        }
    }

    /// Notes that a call has ended. Returns `false` for a call that was given up.
    pub(crate) fn end_call(&self, number: u64) -> bool {
        self.lock().running.remove(&number).is_some()
    }

    /// Holds a message until its time.
    pub(crate) fn hold_until(&self, time: Timestamp, delivery: Delivery) {
        let mut state = self.lock();
        state.later.push(Reverse((time, delivery.number)));
        state.waiting.insert(delivery.number, delivery);
        drop(state);
        self.sooner.notify_all();
    }

    /// Tells the worker to stop; a second time, not to wait for the calls that run.
    pub(crate) fn stop(&self) {
        self.lock().stops += 1;
        self.freed.notify_all();
        self.sooner.notify_all();
    }

    /// Blocks until the worker is told to stop.
    pub(crate) fn wait_for_stop(&self) {
        let mut state = self.lock();
        while !state.stopping() {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks until no call runs, for at most so long, or until the worker is told to stop again. Returns whether no call runs.
    pub(crate) fn wait_until_idle(&self, longest: Duration) -> bool {
        let end = Instant::now() + longest;
        let mut state = self.lock();
        while state.active > 0 && state.stops < 2 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.active == 0
    }
}

/// The step that a thread may take.
pub(crate) enum Reserved {
    Nothing,
    Ready(Delivery),
    /// Take messages with these numbers.
    Take(Vec<u64>),
}

impl State {
    pub(crate) fn stopping(&self) -> bool {
        self.stops > 0
    }

    fn hold(&mut self) -> u64 {
        self.next += 1;
        self.held.insert(self.next);
        self.next
    }

    /// Returns the numbers of all messages that are taken and not acknowledged, in the order in which they were taken.
    pub(crate) fn held(&self) -> Vec<u64> {
        self.held.iter().copied().collect()
    }

    /// Moves messages whose time has come to those that are ready. Returns the next time.
    pub(crate) fn ripen(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((time, number))) = self.later.peek().copied() {
            if !time.is_past() {
                return Some(time);
            }
            self.later.pop();
            self.ready.extend(self.waiting.remove(&number));
        }
        None
    }

    pub(crate) fn unsure(&mut self) -> &mut Vec<u64> {
        &mut self.unsure
    }

    /// Says whether a message is ready and one of the `threads` is free for it. If none is, the next free thread takes the
    /// message.
    pub(crate) fn has_ready_and_room(&self, threads: usize) -> bool {
        !self.ready.is_empty() && self.active < threads
    }

    /// Takes out the calls whose soft time limit is over. Returns the next limit.
    pub(crate) fn give_up(&mut self, now: Instant) -> (Vec<(u64, Running)>, Option<Instant>) {
        let over = |running: &Running| running.deadline.is_some_and(|at| at <= now);
        let numbers: Vec<_> =
            self.running.iter().filter(|(_, running)| over(running)).map(|(number, _)| *number).collect();
        let given_up = numbers.into_iter().filter_map(|number| self.running.remove_entry(&number)).collect();
        (given_up, self.running.values().filter_map(|running| running.deadline).min())
    }
}

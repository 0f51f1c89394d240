//! `Shared`: the shared state of a worker's threads.

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
use crate::broker::keys::Keys;
use crate::broker::scripts::REVOKED;
use crate::message::request::Request;
use crate::registry::Registry;
use crate::wire::time::Timestamp;
use crate::worker::link::Link;
use crate::worker::link::Taken;
use crate::worker::threads::Threads;

/// The longest wait for calls that run: a year is as long as for ever, and can be added to any time.
const LONGEST_GRACE: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long a worker takes no message after its threads refused a call.
const REFUSED: Duration = Duration::from_secs(1);

/// The configuration of a worker.
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) broker: Address,
    /// The backend, if another server than the broker.
    pub(crate) backend: Option<Address>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) lists: Vec<String>,
    pub(crate) visibility_timeout: Duration,
    pub(crate) max_deliveries: u32,
    pub(crate) result_expires: Option<Duration>,
    pub(crate) result_extended: bool,
}

/// A message in work, or held until its time.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) number: u64,
    pub(crate) list: String,
    pub(crate) message: Vec<u8>,
    /// Whether calls were revoked before the message was taken, so that this one is looked up.
    pub(crate) after_revocation: bool,
}

impl Delivery {
    pub(crate) fn of(number: u64, taken: Taken) -> Self {
        let Taken { list, message, after_revocation } = taken;
        Self { number, list, message, after_revocation }
    }
}

/// A running call.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) request: Request,
    pub(crate) list: String,
    pub(crate) since: SystemTime,
    /// Whether the message was acknowledged before the call began.
    pub(crate) acknowledged: bool,
    pub(crate) deadline: Option<Instant>,
}

#[derive(Default)]
pub(crate) struct State {
    /// The number of jobs: running calls, and threads reserved for messages to be fetched.
    active: usize,
    /// The numbers of taken and unacknowledged messages.
    held: BTreeSet<u64>,
    /// The numbers of messages perhaps taken: the connection broke before the answer.
    unsure: Vec<u64>,
    pub(crate) running: BTreeMap<u64, Running>,
    /// Messages whose time has come.
    ready: VecDeque<Delivery>,
    /// Messages whose time has not come.
    later: BinaryHeap<Reverse<(Timestamp, u64)>>,
    /// The same messages by their numbers, with the ids of their calls.
    waiting: BTreeMap<u64, (String, Delivery)>,
    links: Vec<Link>,
    /// The ids of revoked calls, the oldest first, and when they were revoked.
    revoked: VecDeque<(String, Instant)>,
    /// Until when no message is taken, since the threads refused a call.
    refused: Option<Instant>,
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
    /// The worker stops.
    stopped: Condvar,
    /// Wakes the keeper for earlier work.
    pub(crate) sooner: Condvar,
}

impl Shared {
    pub(crate) fn new(config: Config, registry: Registry, threads: Arc<dyn Threads>) -> Self {
        let state = Mutex::default();
        let [freed, stopped, sooner] = [const { Condvar::new() }; 3];
        Self { config, registry, threads, state, freed, stopped, sooner }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the tag of the message with this number. Other workers' tags are different.
    pub(crate) fn tag(&self, number: u64) -> String {
        format!("{}:{number}", self.config.name)
    }

    /// Returns an unused or a new connection.
    pub(crate) fn link(&self) -> Result<Link, BrokerError> {
        let kept = self.lock().links.pop();
        kept.map_or_else(|| self.open(), Ok)
    }

    /// Returns a new connection, and closes the unused ones, which may be as useless as the one to be replaced.
    pub(crate) fn new_link(&self) -> Result<Link, BrokerError> {
        self.close_unused();
        self.open()
    }

    /// Has `ask` use an unused connection, and then a new one if that fails: the unused one may have been broken for long. To ask
    /// twice does no harm.
    pub(crate) fn ask<T>(&self, ask: impl Fn(&mut Link) -> Result<T, BrokerError>) -> Result<T, BrokerError> {
        let by = |mut link: Link| {
            let answer = ask(&mut link)?;
            self.keep(link);
            Ok(answer)
        };
        self.link().and_then(by).or_else(|_| self.new_link().and_then(by))
    }

    /// Closes the unused connections, which may be as useless as one that has just failed.
    pub(crate) fn close_unused(&self) {
        let unused = std::mem::take(&mut self.lock().links);
        drop(unused);
    }

    fn open(&self) -> Result<Link, BrokerError> {
        let Config { broker, backend, keys, .. } = &self.config;
        Link::open(broker, backend.as_ref(), keys.clone())
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
            if state.active < self.threads.count() && !state.is_refused() {
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
        if state.stopping() || free == 0 || state.is_refused() {
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

    /// Gives back the threads reserved for missing messages.
    pub(crate) fn release(&self, numbers: &[u64]) {
        if numbers.is_empty() {
            return;
        }
        let mut state = self.lock();
        for number in numbers {
            state.held.remove(number);
            state.active -= 1;
        }
        self.room(state);
    }

    /// Tells the fetching threads: perhaps a thread is free. They find the lock open when they wake up.
    fn room(&self, state: MutexGuard<'_, State>) {
        let is_ready = !state.ready.is_empty();
        drop(state);
        self.freed.notify_all();
        if is_ready {
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

    /// Leaves messages perhaps taken to the keeper, who looks.
    pub(crate) fn doubt(&self, numbers: &[u64]) {
        let mut state = self.lock();
        state.held.retain(|number| !numbers.contains(number));
        state.unsure.extend(numbers);
        drop(state);
        self.sooner.notify_all();
    }

    /// Leaves messages that the threads refused to the keeper. The worker takes none for a second: the system may have no thread
    /// for them, and other workers may.
    pub(crate) fn refused(&self, numbers: &[u64]) {
        let mut state = self.lock();
        let first = !state.is_refused();
        state.refused = Some(Instant::now() + REFUSED);
        drop(state);
        if first {
            eprintln!("asynctools-celery: the threads of the worker refuse calls, whose messages go back");
        }
        self.doubt(numbers);
    }

    /// Ends the doubt about messages, which lie in their lists again.
    pub(crate) fn end_doubt(&self, numbers: &[u64]) {
        self.lock().unsure.retain(|number| !numbers.contains(number));
    }

    /// Puts back a message whose time has come, which a thread could not take after all.
    pub(crate) fn ready_again(&self, delivery: Delivery) {
        self.lock().ready.push_front(delivery);
        self.sooner.notify_all();
    }

    /// Forgets an acknowledged or missing message.
    pub(crate) fn forget(&self, number: u64) {
        self.lock().held.remove(&number);
    }

    /// Ends a job.
    pub(crate) fn end_job(&self) {
        let mut state = self.lock();
        state.active -= 1;
        self.room(state);
    }

    /// Notes the revocation of calls. Returns the calls not running here.
    pub(crate) fn revoke(&self, ids: &[String]) -> Vec<String> {
        let mut state = self.lock();
        let now = Instant::now();
        state.revoked.retain(|(_, since)| now - *since < Duration::from_secs(REVOKED.1));
        state.revoked.extend(ids.iter().map(|id| (id.clone(), now)));
        let over = state.revoked.len().saturating_sub(REVOKED.0);
        state.revoked.drain(..over);
        // A thread ends those that wait for their time, which may come when the revocation is forgotten.
        let (held, waiting) = std::mem::take(&mut state.waiting).into_iter().partition(|(_, (id, _))| ids.contains(id));
        state.waiting = waiting;
        let held: BTreeMap<u64, (String, Delivery)> = held;
        state.ready.extend(held.into_values().map(|(_, delivery)| delivery));
        let runs = |id: &String| state.running.values().any(|running| running.request.id == *id);
        let elsewhere = ids.iter().filter(|id| !runs(id)).cloned().collect();
        self.room(state);
        elsewhere
    }

    pub(crate) fn is_revoked(&self, id: &str) -> bool {
        let state = self.lock();
        !state.revoked.is_empty() && state.revoked.iter().any(|(revoked, _)| revoked == id)
    }

    /// Notes the begin of a call.
    pub(crate) fn begin_call(&self, number: u64, running: Running) {
        let mut state = self.lock();
        let sooner = running.deadline.is_some();
        state.running.insert(number, running);
        drop(state);
        if sooner {
            self.sooner.notify_all();
        }
    }

    /// Notes the end of a call. Returns `false` for a given-up call.
    pub(crate) fn end_call(&self, number: u64) -> bool {
        self.lock().running.remove(&number).is_some()
    }

    /// Holds a message until its time.
    pub(crate) fn hold_until(&self, time: Timestamp, id: String, delivery: Delivery) {
        let mut state = self.lock();
        state.later.push(Reverse((time, delivery.number)));
        state.waiting.insert(delivery.number, (id, delivery));
        drop(state);
        self.sooner.notify_all();
    }

    /// Tells the worker to stop; a second time, not to wait for the calls that run.
    pub(crate) fn stop(&self) {
        self.lock().stops += 1;
        for told in [&self.freed, &self.stopped, &self.sooner] {
            told.notify_all();
        }
    }

    /// Blocks until the worker is told to stop.
    pub(crate) fn wait_for_stop(&self) {
        let mut state = self.lock();
        while !state.stopping() {
            state = self.stopped.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks until no call runs, for at most so long, or until the worker is told to stop again. Returns whether no call runs.
    pub(crate) fn wait_until_idle(&self, longest: Duration) -> bool {
        let end = Instant::now() + longest.min(LONGEST_GRACE);
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

/// Returns the next step of a thread.
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

    fn is_refused(&self) -> bool {
        self.refused.is_some_and(|until| Instant::now() < until)
    }

    fn hold(&mut self) -> u64 {
        self.next += 1;
        self.held.insert(self.next);
        self.next
    }

    /// Returns the numbers of all messages that are perhaps this worker's, in the order of their taking.
    pub(crate) fn left(&self) -> BTreeSet<u64> {
        self.held.iter().chain(&self.unsure).copied().collect()
    }

    /// Returns the numbers of all taken and unacknowledged messages, in the order of their taking.
    pub(crate) fn held(&self) -> Vec<u64> {
        self.held.iter().copied().collect()
    }

    /// Moves held messages to the ready messages when their time has come. Returns the next time.
    pub(crate) fn ripen(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((time, number))) = self.later.peek().copied() {
            if !time.is_past() {
                return Some(time);
            }
            self.later.pop();
            self.ready.extend(self.waiting.remove(&number).map(|(_, delivery)| delivery));
        }
        None
    }

    pub(crate) fn unsure(&self) -> &[u64] {
        &self.unsure
    }

    /// Says whether a message is ready and one of the `threads` is free for it. If no thread is free, the next free
    /// thread takes the message.
    pub(crate) fn has_ready_and_room(&self, threads: usize) -> bool {
        !self.ready.is_empty() && self.active < threads && !self.is_refused()
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

//! The calls of a client that have not ended.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::hash::RandomState;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use crate::client::call::Done;
use crate::client::call::survive;
use crate::error::RemoteError;
use crate::error::RemoteErrorKind;
use crate::store::Answer;

/// A call that waits for longer than this is looked up, in case its message was not heard.
pub(crate) const SWEEP: Duration = Duration::from_secs(5);

/// How long after one look for a call of another client the next one follows.
const LOOK: Duration = Duration::from_millis(500);

/// How long the ids of delivered results are gathered before they are deleted together.
const LINGER: Duration = Duration::from_millis(50);

/// Of how many calls a client remembers that their time was over.
const LATE: usize = 10_000;

/// The ids of a client: they have the shape of a random UUID, and differ in the last 48 bits.
#[derive(Debug)]
pub(crate) struct Ids {
    /// The first 24 characters of each id.
    pub(crate) prefix: String,
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        // The standard library's only source of random numbers: the keys of its hash maps.
        let random = || RandomState::new().build_hasher().finish();
        let (high, low) = (random(), random());
        let variant = 0x8000 | (low & 0x3fff);
        let prefix = format!("{:08x}-{:04x}-4{:03x}-{variant:04x}-", high >> 32, high >> 16 & 0xffff, high & 0xfff);
        Self { prefix, next: AtomicU64::new(1) }
    }

    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn text(&self, number: u64) -> String {
        format!("{}{number:012x}", self.prefix)
    }

    /// Returns the number of an id of this client.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        u64::from_str_radix(id.strip_prefix(self.prefix.as_str())?, 16).ok()
    }
}

/// There is one of these for each call that waits, so times are short: since the client was made.
struct Waiting {
    done: Done,
    /// In ticks; `NEVER` if there is no deadline.
    deadline: u32,
    /// In seconds.
    since: u32,
}

/// The resolution of deadlines: in 32 bits there is a year.
const TICK: Duration = Duration::from_millis(10);

/// Longer than a client lives.
const NEVER: u32 = u32::MAX;

/// Returns the whole ticks of a duration, which no deadline reaches if they are too many.
fn ticks(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis() / TICK.as_millis()).unwrap_or(NEVER)
}

#[derive(Default)]
struct Table {
    waiting: HashMap<u64, Waiting>,
    /// The earliest deadline, or an earlier time.
    deadline: Option<Instant>,
    next_sweep: Option<Instant>,
    /// Whether the next sweep looks up all calls, since messages may have been missed.
    sweep_all: bool,
    delivered: Vec<u64>,
    /// The last calls whose time was over before their results came.
    late: BTreeSet<u64>,
    /// Calls of other clients, and when they are looked up next.
    attached: HashMap<String, Done>,
    next_look: Option<Instant>,
    /// The calls of which workers are to be told that their results are not wanted.
    unwanted: Vec<u64>,
    delete_at: Option<Instant>,
    closed: bool,
}

impl Table {
    fn is_over(&self) -> bool {
        self.closed && self.waiting.is_empty() && self.attached.is_empty()
    }
}

/// The calls that wait for their results. Closures run outside of its lock.
pub(crate) struct Pending {
    table: Mutex<Table>,
    changed: Condvar,
    keep_results: bool,
    made: Instant,
}

/// The next step of the sweeper.
pub(crate) enum Step {
    /// Look these up.
    Sweep(Vec<u64>),
    /// Delete these results.
    Delete(Vec<u64>),
    /// Tell workers not to begin these.
    Revoke(Vec<u64>),
    /// Look these calls of other clients up.
    Look(Vec<String>),
    /// The client is closed, and nothing waits.
    End,
}

impl Pending {
    pub(crate) fn new(keep_results: bool) -> Self {
        Self { table: Mutex::default(), changed: Condvar::new(), keep_results, made: Instant::now() }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the whole seconds since the client was made.
    fn seconds(&self) -> u32 {
        u32::try_from(self.made.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    pub(crate) fn insert(&self, number: u64, done: Done, timeout: Option<Duration>) {
        let since = Instant::now();
        let deadline = timeout.and_then(|timeout| since.checked_add(timeout));
        // The next whole tick: no call ends early.
        let short = deadline.map_or(NEVER, |at| ticks(at - self.made).saturating_add(1));
        let waiting = Waiting { done, deadline: short, since: self.seconds() };
        let mut table = self.lock();
        table.waiting.insert(number, waiting);
        let sooner = match (table.deadline, deadline) {
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new < old,
            _ => false,
        };
        if sooner {
            table.deadline = deadline;
        }
        // The sweeper stops its clock itself, when nothing waits: it is not woken for each call.
        let first = table.next_sweep.is_none();
        if first {
            table.next_sweep = Some(since + SWEEP);
        }
        if sooner || first {
            self.changed.notify_all();
        }
    }

    /// Says whether a call has not ended.
    pub(crate) fn waits(&self, number: u64) -> bool {
        self.lock().waiting.contains_key(&number)
    }

    /// Ends a call. Returns `false` for a call that has ended.
    pub(crate) fn end(&self, number: u64, answer: Answer, stored: bool) -> bool {
        let mut table = self.lock();
        let Some(waiting) = table.waiting.remove(&number) else { return false };
        if stored && !self.keep_results {
            table.delivered.push(number);
            if table.delivered.len() == 1 {
                table.delete_at = Some(Instant::now() + LINGER);
                self.changed.notify_all();
            }
        }
        drop(table);
        finish(waiting.done, answer);
        true
    }

    /// Waits for a call of another client, or for one of this client's own.
    pub(crate) fn attach(&self, id: String, own: Option<u64>, done: Done) {
        let mut table = self.lock();
        // The result of a call whose time was over is left in the backend. That of another is deleted when it is delivered.
        if let Some(number) = own.filter(|number| !self.keep_results && !table.late.contains(number)) {
            let Some(waiting) = table.waiting.get_mut(&number) else {
                drop(table);
                let why = "this client does not wait for the call: it has taken its result, or has not sent it";
                return finish(done, RemoteError::new(RemoteErrorKind::Broker, why).with_task_id(id).into());
            };
            let first = std::mem::replace(&mut waiting.done, Box::new(|_| {}));
            waiting.done = Box::new(move |answer| {
                finish(done, answer.copied());
                finish(first, answer);
            });
            return;
        }
        table.next_look = Some(Instant::now());
        let replaced = table.attached.insert(id.clone(), done);
        self.changed.notify_all();
        drop(table);
        if let Some(replaced) = replaced {
            let error = RemoteError::new(RemoteErrorKind::Broker, "the program waits for the same call once more");
            finish(replaced, error.with_task_id(id).into());
        }
    }

    /// Ends the wait for a call of another client.
    pub(crate) fn end_attached(&self, id: &str, answer: Answer) {
        let mut table = self.lock();
        let done = table.attached.remove(id);
        drop(table);
        if let Some(done) = done {
            finish(done, answer);
        }
    }

    /// Has workers told not to begin a call that was sent.
    pub(crate) fn revoke(&self, number: u64) {
        let mut table = self.lock();
        if table.waiting.contains_key(&number) {
            table.unwanted.push(number);
            self.changed.notify_all();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().waiting.is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        let table = self.lock();
        table.is_over()
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Makes the next sweep happen at once: messages may have been missed.
    pub(crate) fn sweep_now(&self) {
        let mut table = self.lock();
        if !table.waiting.is_empty() {
            table.sweep_all = true;
            table.next_sweep = Some(Instant::now());
            self.changed.notify_all();
        }
    }

    /// Blocks until the sweeper has something to do. Ends the calls whose time is over.
    pub(crate) fn next_step(&self, ids: &Ids) -> Step {
        let mut table = self.lock();
        loop {
            let now = Instant::now();
            if table.delete_at.is_some_and(|at| at <= now) || (table.closed && !table.delivered.is_empty()) {
                table.delete_at = None;
                return Step::Delete(std::mem::take(&mut table.delivered));
            }
            if !table.unwanted.is_empty() {
                return Step::Revoke(std::mem::take(&mut table.unwanted));
            }
            if table.next_look.is_some_and(|at| at <= now) {
                table.next_look = (!table.attached.is_empty()).then_some(now + LOOK);
                if !table.attached.is_empty() {
                    return Step::Look(table.attached.keys().cloned().collect());
                }
            }
            if table.is_over() {
                return Step::End;
            }
            if table.deadline.is_some_and(|at| at <= now) {
                let late = late(&mut table, self.made);
                drop(table);
                for (number, done) in late {
                    let error =
                        RemoteError::new(RemoteErrorKind::Timeout, "no result came within the `result_timeout`");
                    finish(done, error.with_task_id(ids.text(number)).into());
                }
                table = self.lock();
                continue;
            }
            if table.next_sweep.is_some_and(|at| at <= now) {
                table.next_sweep = (!table.waiting.is_empty()).then_some(now + SWEEP);
                let all = std::mem::take(&mut table.sweep_all);
                let before = u64::from(self.seconds()).saturating_sub(SWEEP.as_secs());
                let long = table.waiting.iter().filter(|(_, waiting)| all || u64::from(waiting.since) < before);
                let long: Vec<_> = long.map(|(number, _)| *number).collect();
                if !long.is_empty() {
                    return Step::Sweep(long);
                }
                continue;
            }
            let next = [table.deadline, table.next_sweep, table.delete_at, table.next_look].into_iter().flatten().min();
            table = match next {
                None => self.changed.wait(table).unwrap_or_else(PoisonError::into_inner),
                Some(at) => self.changed.wait_timeout(table, at - now).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }
}

/// Takes out the calls whose time is over.
fn late(table: &mut Table, made: Instant) -> Vec<(u64, Done)> {
    let now = ticks(made.elapsed());
    let due = |waiting: &Waiting| waiting.deadline != NEVER && waiting.deadline <= now;
    let late = table.waiting.iter().filter(|(_, waiting)| due(waiting)).map(|(number, _)| *number);
    let late: Vec<_> = late.collect();
    table.late.extend(&late);
    while table.late.len() > LATE {
        table.late.pop_first();
    }
    let ended = late.into_iter().filter_map(|number| Some((number, table.waiting.remove(&number)?.done))).collect();
    let next = table.waiting.values().map(|waiting| waiting.deadline).filter(|deadline| *deadline != NEVER).min();
    table.deadline = next.and_then(|deadline| made.checked_add(TICK * deadline));
    ended
}

/// Runs the caller's closure, whose panic is none of the thread's.
pub(crate) fn finish(done: Done, answer: Answer) {
    survive(|| done(answer));
}

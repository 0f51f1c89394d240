//! `Completions`: a set of calls that grows, and returns each call after its end.

use std::collections::VecDeque;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;
use std::sync::Weak;
#[cfg(feature = "stream")]
use std::task::Context;
#[cfg(feature = "stream")]
use std::task::Poll;

use crate::call_site::CallSite;
use crate::graph::agenda::Agenda;
use crate::graph::current::current;
use crate::graph::few::Few;
use crate::graph::later::Later;
use crate::graph::notify;
use crate::graph::traits::Aftermath;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Needs;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::graph::wait::block;
use crate::graph::wait::is_looked_at;
use crate::graph::wait::over;
use crate::graph::wait::raise;
#[cfg(feature = "stream")]
use crate::graph::wait::watch;
use crate::graph::waiters::address;
use crate::handles::value::AsyncValue;
use crate::handles::value::cancel_all;
use crate::handles::value::stop_all;
use crate::panics::discard_all;
use crate::panics::lock;
use crate::sync::Instant;
use crate::sync::Mutex;

/// Calls, each with a key, in the order in which they end.
pub(crate) struct Completions<K, T> {
    /// `None` after the call was returned.
    slots: Vec<Option<Entry<K, T>>>,
    /// The empty slots. The next calls go there, so a set needs room only for its present calls.
    free: Vec<u32>,
    pushed: usize,
    /// The slots of calls which the ticks do not expect yet. Some of these calls may have been returned meanwhile.
    unexpected: Vec<u32>,
    /// How many calls had been pushed when the ticks were last told what to expect.
    expected: usize,
    ticks: Arc<Ticks>,
    /// The slots of ended calls that were taken from the ticks together, so that not each result needs their lock.
    ended: VecDeque<u32>,
    /// The calls which the worker under this set may run in a wait.
    agenda: Option<Arc<Agenda>>,
    /// How many calls the agenda was told of.
    surveyed: usize,
}

/// The least number of calls after which a set starts a new agenda.
const SURVEYED: usize = 64;
/// How many calls a set tells its ticks to expect under one lock, which the threads that end calls want too.
const EXPECTED: usize = 1_024;

/// A call, not returned yet.
pub(crate) struct Entry<K, T> {
    /// How many calls were pushed before.
    pub(crate) index: usize,
    pub(crate) key: K,
    pub(crate) value: AsyncValue<T>,
}

/// The slots of the calls that have ended and were not returned.
struct Ticks {
    site: CallSite,
    state: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    slots: VecDeque<u32>,
    /// The calls that had not ended when the thread of the set blocked, by slot: the look along the needs of blocked calls
    /// goes on there.
    pending: Vec<Option<Weak<dyn Awaited>>>,
    waiters: Few<Waiter>,
}

impl<K, T> Completions<K, T> {
    /// Makes an empty set. A wait without an end names `site`.
    pub(crate) fn new(site: CallSite) -> Self {
        let ticks = Arc::new(Ticks { site, state: Mutex::default() });
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            pushed: 0,
            unexpected: Vec::new(),
            expected: 0,
            ticks,
            ended: VecDeque::new(),
            agenda: None,
            surveyed: 0,
        }
    }

    pub(crate) fn extend(&mut self, calls: impl IntoIterator<Item = (K, AsyncValue<T>)>) {
        let calls = calls.into_iter();
        self.slots.reserve(calls.size_hint().0.saturating_sub(self.free.len()));
        calls.for_each(|(key, value)| self.push(key, value));
    }

    /// Adds a call.
    pub(crate) fn push(&mut self, key: K, value: AsyncValue<T>) {
        self.add_to_agenda(&value);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or_else(|_| unreachable!("2^32 handles need 64 GiB"))
        });
        if let Some(ended) = value.node().enlist(Waiter::Dependant(self.ticks.clone(), slot)) {
            drop(ended);
            drop(self.ticks.clone().arrived(slot));
        }
        self.slots[slot as usize] = Some(Entry { index: self.pushed, key, value });
        self.pushed += 1;
        self.unexpected.push(slot);
        if self.unexpected.len() > 2 * self.len() + SURVEYED {
            self.forget_returned();
        }
    }

    /// Returns the number of calls that were not returned.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Blocks until a call has ended, and returns it; `None` if the set is empty, or the deadline comes first.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Option<Entry<K, T>> {
        if self.len() == 0 {
            return None;
        }
        if self.has_ended() {
            over();
        } else if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        } else {
            let ticks: Arc<dyn Awaited> = self.ticks.clone();
            notify::before_blocking();
            if is_looked_at() {
                self.expect();
            }
            let agenda = self.agenda_here(deadline);
            match block(&ticks, deadline, agenda.as_ref()) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => raise(&error, self.ticks.site),
            }
        }
        self.take_ended()
    }

    /// Returns a call that has ended, or has the task of `context` woken when one ends.
    #[cfg(feature = "stream")]
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Entry<K, T>>> {
        if self.len() > 0 && !self.has_ended() && !watch(&*self.ticks, context.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.take_ended())
    }

    /// Forgets the task of [`poll_next`](Self::poll_next).
    #[cfg(feature = "stream")]
    pub(crate) fn forget_task(&self) {
        self.ticks.delist(&|waiter| matches!(waiter, Waiter::Task(_)));
    }

    /// Tells the ticks which calls of the set have not ended. Only others who look along the needs of this wait ask for these
    /// calls, so a set that has a result at hand tells nothing.
    fn expect(&mut self) {
        for slots in self.unexpected.chunks(EXPECTED) {
            let mut state = lock(&self.ticks.state);
            if !state.slots.is_empty() {
                return;
            }
            state.pending.resize(self.slots.len(), None);
            for &slot in slots {
                let call = self.slots[slot as usize].as_ref();
                state.pending[slot as usize] = call.map(|entry| {
                    let call: Arc<dyn Awaited> = entry.value.node().clone();
                    Arc::downgrade(&call)
                });
            }
        }
        self.unexpected.clear();
        self.expected = self.pushed;
    }

    /// Forgets which returned calls the ticks were never told of.
    fn forget_returned(&mut self) {
        let slots = (0..).zip(&self.slots);
        let unexpected = slots.filter(|(_, entry)| entry.as_ref().is_some_and(|entry| entry.index >= self.expected));
        self.unexpected = unexpected.map(|(slot, _)| slot).collect();
    }

    /// Whether a call has ended and was not returned.
    fn has_ended(&mut self) -> bool {
        if self.ended.is_empty() {
            std::mem::swap(&mut self.ended, &mut lock(&self.ticks.state).slots);
        }
        !self.ended.is_empty()
    }

    fn take_ended(&mut self) -> Option<Entry<K, T>> {
        if !self.has_ended() {
            return None;
        }
        let slot = self.ended.pop_front()?;
        self.free.push(slot);
        self.slots[slot as usize].take()
    }

    /// Cancels the calls that have not started, and returns how many those were.
    pub(crate) fn cancel(&self) -> usize {
        cancel_all(self.in_order().into_iter())
    }

    /// Cancels the calls that have not started, and asks the others to stop.
    pub(crate) fn stop(&self) {
        stop_all(self.in_order().into_iter());
    }

    /// Returns the calls that were not returned, in the order of the pushes.
    fn in_order(&self) -> Vec<&AsyncValue<T>> {
        let mut entries: Vec<_> = self.slots.iter().flatten().collect();
        entries.sort_unstable_by_key(|entry| entry.index);
        entries.into_iter().map(|entry| &entry.value).collect()
    }

    /// Takes the unreturned calls, in the order of the pushes, and leaves no trace of the set in these calls.
    pub(crate) fn into_entries(mut self) -> Vec<Entry<K, T>> {
        let mut entries: Vec<_> = std::mem::take(&mut self.slots).into_iter().flatten().collect();
        self.free.clear();
        for Entry { value, .. } in entries.iter().filter(|entry| !entry.value.is_finished()) {
            value.node().forget(address(&self.ticks));
        }
        entries.sort_unstable_by_key(|entry| entry.index);
        entries
    }

    /// Cancels the calls that have not started, asks the others to stop, and drops the calls that were not returned.
    pub(crate) fn discard(self) {
        self.stop();
        discard_all(self.into_entries());
    }

    /// Returns the agenda of this worker. The agenda serves many waits, so the needs of the calls are looked up once;
    /// on another worker the set starts a new agenda.
    fn agenda_here(&mut self, deadline: Option<Instant>) -> Option<Arc<Agenda>> {
        let here = current()?;
        if self.agenda.as_ref().is_none_or(|agenda| !here.owns(agenda)) {
            self.finish();
            let calls = self.slots.iter().flatten().map(|entry| -> Arc<dyn Awaited> { entry.value.node().clone() });
            self.agenda = here.agenda(calls.collect(), deadline);
            self.surveyed = self.len();
        }
        self.agenda.clone()
    }

    /// Tells the agenda of this worker the needs of a new call. An agenda keeps calls run by other threads, so after
    /// some calls the set starts a new agenda.
    fn add_to_agenda(&mut self, value: &AsyncValue<T>) {
        let Some(agenda) = &self.agenda else { return };
        self.surveyed += 1;
        if self.surveyed <= 2 * self.len() + SURVEYED && current().is_some_and(|here| here.owns(agenda)) {
            agenda.survey(vec![value.node().clone()], None);
        } else {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(agenda) = self.agenda.take() {
            agenda.finish();
        }
    }
}

impl<K, T> Drop for Completions<K, T> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<K: UnwindSafe, T> UnwindSafe for Completions<K, T> {}
impl<K: RefUnwindSafe, T> RefUnwindSafe for Completions<K, T> {}

impl Dependant for Ticks {
    fn arrived(self: Arc<Self>, slot: u32) -> Option<Arc<dyn Job>> {
        let mut waiters = {
            let mut state = lock(&self.state);
            state.slots.push_back(slot);
            if let Some(call) = state.pending.get_mut(slot as usize) {
                *call = None;
            }
            std::mem::take(&mut state.waiters)
        };
        if waiters.is_empty() {
            return None;
        }
        let tasks = waiters.extract(|waiter| matches!(waiter, Waiter::Task(_)));
        notify::tell_all(waiters);
        // A waker is the user's code, which may wait: a job of its own.
        let mut wakers = Aftermath::default();
        tasks.for_each(|task| notify::tell(task, &mut wakers));
        (!wakers.is_empty()).then(|| -> Arc<dyn Job> { Later::new(wakers) })
    }
}

/// The end of any of the calls, as something to wait for.
impl Awaited for Ticks {
    fn is_done(&self) -> bool {
        !lock(&self.state).slots.is_empty()
    }

    fn site(&self) -> CallSite {
        self.site
    }

    fn survey(self: Arc<Self>, _: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, needs: &mut Needs) -> Survey {
        needs.extend(lock(&self.state).pending.iter().flatten().filter_map(Weak::upgrade));
        Survey::Waiting
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        let mut state = lock(&self.state);
        if !state.slots.is_empty() {
            return Some(waiter);
        }
        state.waiters.push_back(waiter);
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone = lock(&self.state).waiters.extract(which);
        drop(gone);
    }

    fn forget(&self, dependant: usize) {
        self.delist(&|waiter| matches!(waiter, Waiter::Dependant(other, _) if address(other) == dependant));
    }
}

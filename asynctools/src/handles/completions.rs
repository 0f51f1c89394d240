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
use crate::graph::later::Later;
use crate::graph::notify;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Needs;
use crate::graph::traits::PoolId;
use crate::graph::traits::Survey;
use crate::graph::traits::Waiter;
use crate::graph::wait::block;
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
    /// The calls that have not ended, by slot: the look along the needs of blocked calls goes on there.
    pending: Vec<Option<Weak<dyn Awaited>>>,
    waiters: Vec<Waiter>,
}

impl<K, T> Completions<K, T> {
    /// Makes an empty set. A wait without an end names `site`.
    pub(crate) fn new(site: CallSite) -> Self {
        let ticks = Arc::new(Ticks { site, state: Mutex::default() });
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            pushed: 0,
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
        let call: Arc<dyn Awaited> = value.node().clone();
        self.ticks.expect(slot, &call);
        drop(call);
        if let Some(ended) = value.node().enlist(Waiter::Dependant(self.ticks.clone(), slot)) {
            drop(ended);
            drop(self.ticks.clone().arrived(slot));
        }
        self.slots[slot as usize] = Some(Entry { index: self.pushed, key, value });
        self.pushed += 1;
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
        } else {
            let ticks: Arc<dyn Awaited> = self.ticks.clone();
            notify::before_blocking();
            let agenda = self.agenda_here();
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
    fn agenda_here(&mut self) -> Option<Arc<Agenda>> {
        let here = current()?;
        if self.agenda.as_ref().is_none_or(|agenda| !here.owns(agenda)) {
            self.finish();
            let calls = self.slots.iter().flatten().map(|entry| -> Arc<dyn Awaited> { entry.value.node().clone() });
            self.agenda = Some(here.agenda(calls.collect()));
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

impl Ticks {
    /// Notes which call has the slot.
    fn expect(&self, slot: u32, call: &Arc<dyn Awaited>) {
        let pending = &mut lock(&self.state).pending;
        if pending.len() <= slot as usize {
            pending.resize(slot as usize + 1, None);
        }
        pending[slot as usize] = Some(Arc::downgrade(call));
    }
}

impl Dependant for Ticks {
    fn arrived(self: Arc<Self>, slot: u32) -> Option<Arc<dyn Job>> {
        let waiters = {
            let mut state = lock(&self.state);
            state.slots.push_back(slot);
            state.pending[slot as usize] = None;
            std::mem::take(&mut state.waiters)
        };
        if waiters.is_empty() {
            return None;
        }
        let (tasks, others): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| matches!(waiter, Waiter::Task(_)));
        notify::tell_all(others);
        if tasks.is_empty() {
            return None;
        }
        // A waker is the user's code, which may wait: a job of its own.
        let waker = |task| if let Waiter::Task(waker) = task { Some(waker) } else { None };
        let wakers = tasks.into_iter().filter_map(waker).collect();
        Some(Later::wakes(wakers))
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
        state.waiters.push(waiter);
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone: Vec<_> = lock(&self.state).waiters.extract_if(.., |waiter| which(waiter)).collect();
        drop(gone);
    }

    fn forget(&self, dependant: usize) {
        self.delist(&|waiter| matches!(waiter, Waiter::Dependant(other, _) if address(other) == dependant));
    }
}

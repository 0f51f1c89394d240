//! `AsCompleted`: returns calls in the order in which they end.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;
use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::Arc;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::graph::current::current;
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
use crate::graph::wait::raise;
use crate::graph::waiters::address;
use crate::handles::value::AsyncValue;
use crate::panics::lock;
use crate::sync::Instant;
use crate::sync::Mutex;

/// Returns the calls of an [`AsyncList`](crate::AsyncList) as they end, made by
/// [`as_completed`](crate::AsyncList::as_completed).
///
/// [`next`](Iterator::next) blocks until a call has ended. Dropping the iterator lets the other calls go on.
#[must_use = "the calls run, but their results are lost"]
pub struct AsCompleted<T> {
    /// In call order; `None` after the call was returned.
    pub(crate) values: Vec<Option<AsyncValue<T>>>,
    ticks: Arc<Ticks>,
    /// The number of calls that were not returned.
    pub(crate) left: usize,
    /// The calls that the worker under this iterator may run while `next` blocks.
    agenda: Option<Arc<Agenda>>,
}

/// The calls that have ended and were not returned.
struct Ticks {
    site: CallSite,
    state: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    indexes: VecDeque<u32>,
    waiters: Vec<Waiter>,
}

impl<T> AsCompleted<T> {
    pub(crate) fn new(values: Vec<AsyncValue<T>>, site: CallSite) -> Self {
        let ticks = Arc::new(Ticks { site, state: Mutex::default() });
        for (index, value) in values.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or_else(|_| unreachable!("so many handles need 64 GiB"));
            if let Some(ended) = value.node().enlist(Waiter::Dependant(ticks.clone(), index)) {
                drop(ended);
                drop(ticks.clone().arrived(index));
            }
        }
        let left = values.len();
        Self { values: values.into_iter().map(Some).collect(), ticks, left, agenda: None }
    }

    /// Blocks until a call has ended, and returns its index; `None` if the deadline comes first.
    pub(crate) fn next_index(&mut self, deadline: Option<Instant>) -> Option<usize> {
        let ticks: Arc<dyn Awaited> = self.ticks.clone();
        if !ticks.is_done() {
            notify::before_blocking();
            let agenda = self.agenda_here();
            match block(&ticks, deadline, agenda.as_ref()) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => raise(&error, self.ticks.site),
            }
        }
        let index = lock(&self.ticks.state).indexes.pop_front()?;
        self.left -= 1;
        Some(index as usize)
    }

    /// Returns the agenda of this worker. One agenda serves the whole iteration, so that the needs of the calls are
    /// looked up once; on another worker the iterator starts a new one.
    fn agenda_here(&mut self) -> Option<Arc<Agenda>> {
        let here = current()?;
        if self.agenda.as_ref().is_none_or(|agenda| !here.owns(agenda)) {
            self.finish();
            let left = self.values.iter().flatten();
            self.agenda = Some(here.agenda(left.map(|value| -> Arc<dyn Awaited> { value.node().clone() }).collect()));
        }
        self.agenda.clone()
    }

    fn finish(&mut self) {
        if let Some(agenda) = self.agenda.take() {
            agenda.finish();
        }
    }

    /// Returns the calls that were not returned, in call order, and takes the iterator out of their waiters.
    pub(crate) fn into_values(mut self) -> Vec<AsyncValue<T>> {
        let ticks: Arc<dyn Dependant> = self.ticks.clone();
        let values: Vec<_> = std::mem::take(&mut self.values).into_iter().flatten().collect();
        for value in values.iter().filter(|value| !value.is_finished()) {
            value.node().delist(&|waiter| matches!(waiter, Waiter::Dependant(next, _) if Arc::ptr_eq(next, &ticks)));
        }
        values
    }
}

impl<T> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T, TaskError>);

    /// Blocks until a call has ended, and returns its index and outcome; `None` after the last call.
    ///
    /// # Panics
    ///
    /// If the wait can never end ([`TaskError::WouldDeadlock`]).
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let index = self.next_index(None)?;
        let value = self.values[index].take()?;
        Some((index, value.into_outcome()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for AsCompleted<T> {}
impl<T> FusedIterator for AsCompleted<T> {}

impl<T> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        self.finish();
    }
}

impl<T> UnwindSafe for AsCompleted<T> {}
impl<T> RefUnwindSafe for AsCompleted<T> {}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Dependant for Ticks {
    fn arrived(self: Arc<Self>, index: u32) -> Option<Arc<dyn Job>> {
        let waiters = {
            let mut state = lock(&self.state);
            state.indexes.push_back(index);
            std::mem::take(&mut state.waiters)
        };
        notify::tell_all(waiters);
        None
    }
}

/// The end of any of the calls, as something to wait for.
impl Awaited for Ticks {
    fn is_done(&self) -> bool {
        !lock(&self.state).indexes.is_empty()
    }

    fn site(&self) -> CallSite {
        self.site
    }

    fn survey(self: Arc<Self>, _: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, _needs: &mut Needs) -> Survey {
        Survey::Unseen
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        let mut state = lock(&self.state);
        if !state.indexes.is_empty() {
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

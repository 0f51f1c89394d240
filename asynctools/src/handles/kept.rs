//! `Kept`: the result of a call, kept for many readers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use crate::call_site::CallSite;
use crate::error::TaskError;
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
use crate::graph::waiters::address;
use crate::handles::value::AsyncValue;
use crate::panics::lock;
use crate::sync::AtomicBool;
use crate::sync::Mutex;
use crate::sync::OnceLock;

/// Keeps the outcome. Only handles own the keeper, so the last handle can take the value out.
pub(crate) struct Kept<T> {
    hub: Arc<Hub<T>>,
    pool: PoolId,
    outcome: OnceLock<Result<T, TaskError>>,
}

/// The single handle of a call until the end, and then the place of the outcome.
struct Open<T> {
    value: AsyncValue<T>,
    kept: Weak<Kept<T>>,
}

/// No handle is left, so nothing wants the result of a call that has not ended.
impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        let open = lock(&self.hub.open).take();
        drop(open);
    }
}

/// The call, from the side of waiters with a `Shared`.
pub(crate) struct Hub<T> {
    call: Arc<dyn Awaited>,
    /// `None` after the call has ended.
    open: Mutex<Option<Open<T>>>,
    done: AtomicBool,
    waiters: Mutex<Crowd>,
}

/// The waiters of all handles.
#[derive(Default)]
struct Crowd {
    waiters: Few<Waiter>,
    /// The addresses of forgotten dependants, which may still stand among the waiters. Mostly there are none, and a set of none would
    /// cost each call its keys.
    #[expect(clippy::box_collection, reason = "each call that is shared would be larger")]
    gone: Option<Box<HashSet<usize>>>,
}

/// A larger crowd is not searched for each forgotten dependant, but swept when half of it is forgotten.
const SEARCHED: usize = 32;

impl Crowd {
    fn push(&mut self, waiter: Waiter) {
        // A waiter keeps its dependant alive, so this one has the address of a forgotten one that stands here no more.
        if let Some(gone) = &mut self.gone
            && let Some(address) = address_of(&waiter)
        {
            gone.remove(&address);
        }
        self.waiters.push_back(waiter);
    }

    /// Takes out the dependant at `address`, or notes the address for a later sweep.
    fn forget(&mut self, address: usize) -> Few<Waiter> {
        let waiters = self.waiters.len();
        if waiters <= SEARCHED && self.gone.is_none() {
            return self.waiters.extract(|waiter| address_of(waiter) == Some(address));
        }
        let gone = self.gone.get_or_insert_default();
        gone.insert(address);
        if waiters > SEARCHED && gone.len() * 2 < waiters {
            return Few::new();
        }
        let gone = self.gone.take().unwrap_or_default();
        self.waiters.extract(|waiter| address_of(waiter).is_some_and(|address| gone.contains(&address)))
    }
}

/// Returns the address by which a dependant is forgotten.
fn address_of(waiter: &Waiter) -> Option<usize> {
    if let Waiter::Dependant(dependant, _) = waiter { Some(address(dependant)) } else { None }
}

impl<T: Send + Sync + 'static> Kept<T> {
    pub(crate) fn new(value: AsyncValue<T>) -> Arc<Self> {
        let (call, pool): (Arc<dyn Awaited>, _) = (value.node().clone(), value.node().pool());
        let hub =
            Hub { call: call.clone(), open: Mutex::default(), done: AtomicBool::new(false), waiters: Mutex::default() };
        let hub = Arc::new(hub);
        let kept = Arc::new(Self { hub: hub.clone(), pool, outcome: OnceLock::new() });
        *lock(&hub.open) = Some(Open { value, kept: Arc::downgrade(&kept) });
        if let Some(ended) = call.enlist(Waiter::Dependant(hub, 0)) {
            notify::tell_one(ended);
        }
        kept
    }
}

impl<T> Kept<T> {
    /// Returns the outcome of a call that has ended.
    pub(crate) fn ended(&self) -> &Result<T, TaskError> {
        let Some(outcome) = self.outcome.get() else { unreachable!("asked only after the end of the call") };
        outcome
    }

    /// Takes the outcome of a call that has ended, by the last owner.
    pub(crate) fn take(mut self) -> Option<Result<T, TaskError>> {
        self.outcome.take()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.outcome.get().is_some()
    }

    pub(crate) fn call_site(&self) -> CallSite {
        self.hub.call.site()
    }

    pub(crate) fn pool(&self) -> PoolId {
        self.pool
    }

    /// Returns the call, as something to wait for.
    pub(crate) fn hub(&self) -> &Arc<Hub<T>> {
        &self.hub
    }
}

impl<T: Send + Sync + 'static> Dependant for Hub<T> {
    fn arrived(self: Arc<Self>, _index: u32) -> Option<Arc<dyn Job>> {
        let Open { value, kept } = lock(&self.open).take()?;
        // The handles may be gone: then the result is dropped, by the user's code.
        let unwanted: Option<Box<dyn Send>> = match kept.upgrade() {
            Some(kept) => {
                drop(kept.outcome.set(value.into_outcome()));
                Arc::into_inner(kept).map(|kept| -> Box<dyn Send> { Box::new(kept) })
            }
            None => Some(Box::new(value)),
        };
        // From here on only handles own the outcome.
        self.done.store(true, Ordering::Release);
        let crowd = std::mem::take(&mut *lock(&self.waiters));
        notify::tell_all(crowd.waiters);
        unwanted.map(|unwanted| -> Arc<dyn Job> {
            Later::new(Aftermath { dropped: vec![unwanted], ..Aftermath::default() })
        })
    }
}

impl<T: Send + Sync> Awaited for Hub<T> {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn site(&self) -> CallSite {
        self.call.site()
    }

    #[cfg(feature = "hooks")]
    fn sources(&self, sources: &mut crate::tag::Sources) {
        self.call.sources(sources);
    }

    /// Answers for the call, so that a look sees one call. A helper listens at the call itself, and later leaves that
    /// call, so for a helper the call is a need.
    fn survey(self: Arc<Self>, helper: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, needs: &mut Needs) -> Survey {
        let (mut own_needs, mut has_helper) = (Needs::new(), false);
        let mut asks = |pool| {
            has_helper = helper(pool).is_some();
            None
        };
        let survey = self.call.clone().survey(&mut asks, &mut own_needs);
        match survey {
            Survey::Waiting if has_helper => needs.push(self.call.clone()),
            _ => needs.append(&mut own_needs),
        }
        survey
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        let mut crowd = lock(&self.waiters);
        if self.is_done() {
            return Some(waiter);
        }
        crowd.push(waiter);
        None
    }

    fn delist(&self, which: &dyn Fn(&Waiter) -> bool) {
        let gone = lock(&self.waiters).waiters.extract(which);
        drop(gone);
    }

    fn forget(&self, dependant: usize) {
        let gone = lock(&self.waiters).forget(dependant);
        drop(gone);
    }
}

//! Tasks to be woken by a thread outside of a wait.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Waker;

use crate::call_site::CallSite;
use crate::call_site::Function;
use crate::error::TaskError;
use crate::graph::blocked::this_thread;
use crate::graph::traits::Aftermath;
use crate::graph::traits::Awaited;
use crate::graph::traits::Ending;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Needs;
use crate::graph::traits::Observer;
use crate::graph::traits::PoolId;
use crate::graph::traits::Standing;
use crate::graph::traits::Survey;
use crate::graph::traits::Unstarted;
use crate::graph::traits::Waiter;
use crate::panics::discard;
use crate::panics::lock;
use crate::sync::Mutex;

/// Wakers in the form of a call for a pool. Nothing waits for this call.
pub(crate) struct WakeLater {
    site: CallSite,
    wakers: Mutex<(Vec<Waker>, Standing)>,
}

static WAKE: Function = Function::method("wake");

impl WakeLater {
    #[track_caller]
    pub(crate) fn new(wakers: Vec<Waker>) -> Arc<Self> {
        Arc::new(Self { site: CallSite::here(&WAKE), wakers: Mutex::new((wakers, Standing::Thread(this_thread()))) })
    }

    fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut lock(&self.wakers).0)
    }
}

impl Awaited for WakeLater {
    fn is_done(&self) -> bool {
        !self.is_queued()
    }

    fn site(&self) -> CallSite {
        self.site
    }

    fn survey(self: Arc<Self>, _: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, _: &mut Needs) -> Survey {
        Survey::Unseen
    }

    fn enlist(&self, waiter: Waiter) -> Option<Waiter> {
        Some(waiter)
    }

    fn delist(&self, _which: &dyn Fn(&Waiter) -> bool) {}

    fn forget(&self, _dependant: usize) {}
}

impl Job for WakeLater {
    fn pool(&self) -> PoolId {
        PoolId::NONE
    }

    fn is_queued(&self) -> bool {
        !lock(&self.wakers).0.is_empty()
    }

    fn run(self: Arc<Self>, observer: &dyn Observer) -> bool {
        let wakers = self.take();
        if wakers.is_empty() {
            return false;
        }
        observer.began();
        observer.ended(Ending::Stopped);
        wake_here(wakers);
        true
    }

    fn stopped(&self) -> Option<Standing> {
        let (wakers, at) = &*lock(&self.wakers);
        (!wakers.is_empty()).then_some(*at)
    }

    fn stand(self: Arc<Self>, at: Standing) {
        lock(&self.wakers).1 = at;
    }

    /// A wake cannot be cancelled.
    fn take_unstarted(self: Arc<Self>) -> Option<Unstarted> {
        None
    }

    fn end_lost(&self, _error: TaskError, _aftermath: &mut Aftermath) {}
}

/// Wakes tasks on this thread. The panic hook shows the panic of a waker, and the other tasks are still woken.
pub(crate) fn wake_here(wakers: Vec<Waker>) {
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake())).map_err(discard);
    }
}

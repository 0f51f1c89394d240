//! Wakes and drops that are left to a thread outside of a wait.

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
use crate::graph::traits::Tried;
use crate::graph::traits::Unstarted;
use crate::graph::traits::Waiter;
use crate::panics::discard_all;
use crate::panics::lock;
use crate::panics::survive;
use crate::sync::Mutex;

/// Wakes and drops in the form of a call for a pool. Nothing waits for this call.
pub(crate) struct Later {
    site: CallSite,
    /// Empty once a thread has taken the aftermath.
    left: Mutex<(Aftermath, Standing)>,
}

static LATER: Function = Function::method("later");

impl Later {
    #[track_caller]
    pub(crate) fn wakes(wakers: Vec<Waker>) -> Arc<Self> {
        Self::new(Aftermath { wakers, ..Aftermath::default() })
    }

    #[track_caller]
    pub(crate) fn new(aftermath: Aftermath) -> Arc<Self> {
        Arc::new(Self {
            site: CallSite::here(&LATER),
            left: Mutex::new((aftermath, Standing::Thread(this_thread(), Tried::Nothing))),
        })
    }
}

impl Awaited for Later {
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

impl Job for Later {
    fn pool(&self) -> PoolId {
        PoolId::NONE
    }

    fn is_queued(&self) -> bool {
        !lock(&self.left).0.is_empty()
    }

    fn run(self: Arc<Self>, observer: &dyn Observer) -> bool {
        let (left, stood) = {
            let (left, at) = &mut *lock(&self.left);
            (std::mem::take(left), *at)
        };
        if left.is_empty() {
            return false;
        }
        observer.began(stood.place());
        observer.ended(Ending::Stopped, stood.place());
        wake_here(left.wakers);
        discard_all(left.dropped);
        true
    }

    fn stopped(&self) -> Option<Standing> {
        let (left, at) = &*lock(&self.left);
        (!left.is_empty()).then_some(*at)
    }

    fn stand(self: Arc<Self>, at: Standing) -> bool {
        let mut left = lock(&self.left);
        left.1 = at;
        !left.0.is_empty()
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
        survive(|| waker.wake());
    }
}

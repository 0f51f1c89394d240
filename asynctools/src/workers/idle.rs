//! The wait until a pool has nothing to do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::graph::blocked;
use crate::graph::blocked::BlockedOn;
use crate::graph::lineage;
use crate::graph::look;
use crate::graph::wait::block_on_pool;
use crate::sync::Instant;
use crate::sync::fence;
use crate::workers::inner::Inner;
use crate::workers::state::Closer;
use crate::workers::state::IDLERS;
use crate::workers::state::PoolState;

// Implementation
//
// A call is submitted, run and ended without a count of what is left: the wait looks at what is there. A thread that runs a call,
// or looks for one, has a permit, so without permits, blocked workers, callers with a call and entries of the queue there is
// nothing to do. Threads change these under the lock of the pool, but for an entry that is cancelled and a call that a caller
// runs: the thread that takes such a call away reads a flag afterwards.

impl Inner {
    /// Whether at this moment no call is queued, running or blocked.
    fn is_idle(&self, state: &PoolState) -> bool {
        state.is_quiet() && self.callers.load(Ordering::SeqCst) == 0 && self.queue.is_idle()
    }

    /// Wakes the threads in `wait_idle` if the pool is idle.
    pub(crate) fn tell_idlers(&self, state: &PoolState) {
        if !state.idlers.is_empty() && self.is_idle(state) {
            state.idlers.iter().for_each(|idler| idler.tell(Closer::LOOK));
        }
    }

    /// A call was taken out of the queue, or has ended, without the lock.
    pub(crate) fn look_for_idlers(&self) {
        // A thread that comes to wait stores the flag and then looks at the queue; this one has changed the queue and now reads
        // the flag. This fence, and the one in `publish`, make one of them see the other.
        fence(Ordering::SeqCst);
        if self.has(IDLERS) {
            self.tell_idlers(&self.lock());
        }
    }

    /// Returns the count of starts, if the pool is idle.
    pub(crate) fn starts_if_idle(&self) -> Option<u64> {
        let state = self.lock();
        self.is_idle(&state).then_some(state.starts)
    }

    /// Whether the current thread is in a call of this pool, or in one for which a call of this pool waits.
    pub(crate) fn is_waited_for(self: &Arc<Self>) -> bool {
        lineage::is_inside(self.id)
            || lineage::guest_of() == self.id
            || (lineage::is_in_call() && look::does_end_need(self.clone(), &[]))
    }

    /// Waits until the pool is idle at one moment; `false` when the deadline came first.
    ///
    /// Panics if the wait comes to wait for itself.
    #[track_caller]
    pub(crate) fn wait_until_idle(self: &Arc<Self>, deadline: Option<Instant>) -> bool {
        let idler = Closer::new(blocked::this_thread());
        self.lock().idlers.push(idler.clone());
        // The flag is there to be seen: from now on who leaves last tells.
        self.tell_idlers(&self.lock());
        let told = idler.is_told() || block_on_pool(BlockedOn::End(self.clone()), &|| idler.is_told(), deadline);
        self.lock().idlers.retain(|other| !Arc::ptr_eq(other, &idler));
        assert!(!(told && idler.must_return()), "{WAITS_FOR_ITSELF}");
        told
    }
}

/// The words of the panic.
pub(crate) const WAITS_FOR_ITSELF: &str =
    "`wait_idle` in a call that the pool waits for would wait for itself: call it outside of the calls of the pool";

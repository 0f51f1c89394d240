//! What a call, a pool and a waiting thread are to each other, without their types.

use std::sync::Arc;
use std::task::Waker;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::graph::agenda::Agenda;
use crate::sync::Thread;

/// A pool, by number: a call remembers where it belongs without a contended reference count. 0 is no pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct PoolId(pub(crate) u32);

impl PoolId {
    pub(crate) const NONE: Self = Self(0);
}

/// A pool, as the calls of the graph see it.
pub(crate) trait Scheduler: Send + Sync {
    fn id(&self) -> PoolId;

    /// Takes a call whose last argument has arrived. `inside`: it was made by a call of this pool. `at_call`: all was there
    /// when it was made, so that its caller may be held up by a full queue.
    fn schedule(self: Arc<Self>, call: Arc<dyn Call>, inside: bool, at_call: bool);

    /// A call of this pool ended unrun; `queued`: its tombstone stands in the queue still.
    fn unscheduled(&self, queued: bool, cancelled: bool);
}

/// A call, without the type of its result.
pub(crate) trait Call: Send + Sync {
    fn is_done(&self) -> bool;
    fn pool_id(&self) -> PoolId;
    fn site(&self) -> CallSite;
    fn is_queued(&self) -> bool;

    /// Runs the call if it stands in a queue and nobody was faster.
    fn run(self: Arc<Self>, observer: &dyn Observer) -> bool;

    /// Ends the call with `error` if it has not started.
    fn lose(&self, error: TaskError) -> bool;

    /// What a waiting worker could do for this call. Of a call that waits for arguments, the calls that it needs are added
    /// to `needs`, and `agenda` is told as soon as it has them all.
    fn survey(&self, agenda: Option<&Arc<Agenda>>, needs: &mut Vec<Arc<dyn Call>>) -> Survey;

    /// Tells `waiter` when the call has ended; gives it back if it has already.
    fn enlist(&self, waiter: Waiter) -> Option<Waiter>;

    /// Forgets the waiters that `which` finds.
    fn delist(&self, which: &dyn Fn(&Waiter) -> bool);
}

/// What [`Call::survey`] found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survey {
    /// Ended, or somebody runs it.
    Underway,
    /// Anybody of its pool may run it.
    Queued,
    /// Arguments are missing.
    Waiting,
}

/// Who runs a call, and keeps count. Both are told before anybody can see that the call has ended.
pub(crate) trait Observer {
    fn began(&self);
    fn ended(&self, panicked: bool);
}

/// Whoever is told of the end of a call. Fired only when no lock is held: wakers are a user's code.
pub(crate) enum Waiter {
    /// A thread that does not belong to a pool.
    Thread(Thread),
    /// A worker that gave up its place.
    Worker(Arc<dyn BlockedWorker>),
    /// A task of some executor.
    Task(Waker),
    /// A call that has this one as its argument with that number.
    Dependant(Arc<dyn Dependant>, u32),
    /// A worker that waits for something that needs this call: told when it is ready to run, not when it has ended.
    Agenda(Arc<Agenda>),
}

/// A worker in a wait.
pub(crate) trait BlockedWorker: Send + Sync {
    /// Gives the worker a place and wakes it, if it is blocked.
    fn wake(&self);

    fn is_blocked(&self) -> bool;
}

/// A call that waits for arguments.
pub(crate) trait Dependant: Send + Sync {
    fn arrived(self: Arc<Self>, index: u32);
}

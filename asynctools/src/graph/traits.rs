//! The traits by which a call, a pool and a waiting thread know each other.

use std::sync::Arc;
use std::task::Waker;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::sync::Thread;

/// A pool, by number: a call remembers its pool without a contended reference count. 0 is no pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct PoolId(pub(crate) u64);

impl PoolId {
    pub(crate) const NONE: Self = Self(0);
}

/// A pool, as the calls of the graph see it.
pub(crate) trait Scheduler: Send + Sync {
    fn id(&self) -> PoolId;

    /// Says whether the pool takes a call whose arguments are all there. A closed pool takes only what its own calls make.
    fn accept(&self, maker: Maker) -> Result<(), TaskError>;

    /// Queues a call that the pool accepted.
    fn schedule(self: Arc<Self>, job: Arc<dyn Job>, maker: Maker, moment: Moment);

    /// Queues a call that a loss upstream has ended, for a worker that runs the user's code in that end. `false`: the pool
    /// takes no more calls.
    fn schedule_end(self: Arc<Self>, job: Arc<dyn Job>) -> bool;

    /// Counts a call of this pool that ended unrun.
    fn unscheduled(&self, unrun: Unrun, error: &TaskError);

    /// Has the calls of `agenda`, which a blocked worker of another pool needs, run although the pool lends no more.
    fn serve(self: Arc<Self>, agenda: Arc<dyn Helper>);

    /// Adds the threads whose calls are unfinished calls of this pool, and says what they are doing together.
    fn outlook(&self, threads: &mut Vec<ThreadNumber>) -> Outlook;

    /// Looks at once whether a permit has to be lent, since nothing that the pool's calls need can move.
    fn unstick(self: Arc<Self>);

    /// Ends the wait in `close` of the thread `closer`, which waits for itself.
    fn release_closer(&self, closer: ThreadNumber);
}

/// Who made a call: a call of the same pool, so that the limits of the pool do not hold, or anybody else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Maker {
    OwnCall,
    Other,
}

/// When the arguments of a call were there: a caller may be held up by a full queue only while it makes the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    AtCall,
    Later,
}

/// The doings of the threads of a pool, as the look along the needs of blocked calls sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outlook {
    /// A call runs, or may begin.
    Moves,
    /// Every call that has begun is blocked.
    Blocked,
    /// The pool has no workers for now.
    Paused,
}

/// Where a call stood that ended unrun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unrun {
    /// In the queue of its pool, where its entry is still.
    Queued,
    /// Its arguments were missing.
    Waiting,
    /// It runs no user code, so its pool does not count it.
    Uncounted,
}

/// A thread, by number: unlike `ThreadId` it is a plain word that a call can keep.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ThreadNumber(pub(crate) u64);

/// Something that ends, and that others wait for, without the type of its result.
pub(crate) trait Awaited: Send + Sync {
    fn is_done(&self) -> bool;
    fn site(&self) -> CallSite;

    /// Says what a waiter could do for this. Of a call that waits for arguments, the calls that it needs are added to `needs`;
    /// the helper that `helper` names for the pool of the call, if any, is told as soon as the call has them all.
    fn survey(self: Arc<Self>, helper: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, needs: &mut Needs) -> Survey;

    /// Tells `waiter` of the end; gives the waiter back if that is past.
    fn enlist(&self, waiter: Waiter) -> Option<Waiter>;

    /// Forgets the waiters that `which` finds.
    fn delist(&self, which: &dyn Fn(&Waiter) -> bool);

    /// Forgets a dependant, or what clones the result for one, by its address. In the long run this takes constant time, also
    /// of many.
    fn forget(&self, dependant: usize);
}

/// The calls that others need.
pub(crate) type Needs = Vec<Arc<dyn Awaited>>;

/// The finding of [`Awaited::survey`].
pub(crate) enum Survey {
    /// It has ended.
    Ended,
    /// That thread runs it.
    Running(ThreadNumber),
    /// The program will set it.
    Promised,
    /// A worker of its pool may run it.
    Queued(Arc<dyn Job>),
    /// Arguments are missing.
    Waiting,
    /// Its ends come from somewhere that a look does not see.
    Unseen,
}

/// A call that a pool runs.
pub(crate) trait Job: Awaited {
    fn pool(&self) -> PoolId;
    fn is_queued(&self) -> bool;

    /// Runs the call if it stands in a queue and nobody was faster.
    fn run(self: Arc<Self>, observer: &dyn Observer) -> bool;

    /// Takes out what a call that has not started would run, and runs no user code. The one who takes it ends the call.
    fn take_unstarted(self: Arc<Self>) -> Option<Unstarted>;

    /// Tells who holds the promise of the call that its result is not wanted. Runs user code. Returns whether the call never
    /// began and never will.
    fn tell_unwanted(&self) -> bool {
        false
    }

    /// Ends a call whose work was taken out. Its effects are added to `aftermath`.
    fn end_lost(&self, error: TaskError, aftermath: &mut Aftermath);
}

/// The work that was taken out of a call that has not started.
pub(crate) struct Unstarted {
    pub(crate) unrun: Unrun,
    /// The user's function and arguments, to be dropped when nothing waits for it.
    pub(crate) remains: Box<dyn Send>,
}

/// The effects of ends that are left to do when all ends are stored.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub(crate) wakers: Vec<Waker>,
    pub(crate) dropped: Dropped,
}

/// A user's values, to be dropped one by one when nothing waits for that.
pub(crate) type Dropped = Vec<Box<dyn Send>>;

/// Who runs a call, and keeps count. Both are told before anybody can see that the call has ended.
pub(crate) trait Observer {
    fn began(&self);
    fn ended(&self, ending: Ending);
}

/// How a call that was taken from a queue ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Returned,
    Panicked,
    /// A loss upstream had ended the call: its function did not run.
    Stopped,
}

/// A waiter is told of an end. It is told only when no lock is held: wakers are a user's code.
pub(crate) enum Waiter {
    /// A thread that does not belong to a pool.
    Thread(Thread),
    /// A worker that gave up its permit.
    Worker(Arc<dyn BlockedWorker>),
    /// A task of some executor.
    Task(Waker),
    /// A call that has this one as its argument with that number.
    Dependant(Arc<dyn Dependant>, u32),
    /// A worker that waits for something that needs this call: told when the call is ready to run, not when it has ended.
    Helper(Arc<dyn Helper>),
}

/// A worker in a wait.
pub(crate) trait BlockedWorker: Send + Sync {
    /// Gives the worker its permit and wakes it, if it is blocked.
    fn wake(&self);

    fn is_blocked(&self) -> bool;
}

/// A call that waits for arguments.
pub(crate) trait Dependant: Send + Sync {
    /// Takes in that the argument `index` has ended. Runs no user code: a call that has to be ended by such code is returned.
    fn arrived(self: Arc<Self>, index: u32) -> Option<Arc<dyn Job>>;
}

/// The agenda of a blocked worker.
pub(crate) trait Helper: Send + Sync {
    /// Adds a call that is ready to run.
    fn ready(self: Arc<Self>, job: Arc<dyn Job>);

    /// Notes that a call has come to need others than before.
    fn changed(self: Arc<Self>, call: Arc<dyn Awaited>);

    /// The next call, for a thread that runs them in the owner's stead; after `None` nobody does.
    fn pop_for_spare(&self) -> Option<Arc<dyn Job>>;

    /// The owner blocks: whether a thread has to come to run these calls. If none has to, the owner is told of the next one.
    fn hand_over(&self) -> bool;

    /// Whether a thread should come to run these calls, and none does. The thread that asks is that one.
    fn attend(&self) -> bool;

    /// The thread that said it would come does not.
    fn unattend(&self);

    /// Whether the owner still waits.
    fn is_owner_blocked(&self) -> bool;

    /// The thread in the owner's stead has no permit any more.
    fn give_back(&self);

    /// The system gives no thread for these calls: the owner's wait ends.
    fn starve(&self);
}

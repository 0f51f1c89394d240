//! The traits by which a call, a pool and a waiting thread know each other.

use std::sync::Arc;
use std::task::Waker;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::sync::Instant;
use crate::sync::Thread;
use crate::tag::Dropped;
#[cfg(feature = "hooks")]
use crate::tag::Home;
#[cfg(feature = "hooks")]
use crate::tag::Sources;
use crate::tag::Taken;
#[cfg(feature = "metrics")]
use crate::tag::meters::Gauges;

/// A pool, by number: a call remembers its pool without a contended reference count. 0 is no pool.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct PoolId(pub(crate) u64);

impl PoolId {
    pub(crate) const NONE: Self = Self(0);
    /// How many bits of a number are used: a call keeps no more.
    pub(crate) const BITS: u32 = 48;
}

/// A pool, as the calls of the graph see it.
pub(crate) trait Scheduler: Send + Sync {
    fn id(&self) -> PoolId;

    /// Returns the pool as the tags of its calls know the pool.
    #[cfg(feature = "hooks")]
    fn home(&self) -> &Home;

    /// Adds what the pool is doing to `gauges`.
    #[cfg(feature = "metrics")]
    fn measure(&self, gauges: &mut Gauges);

    /// Says whether the pool takes a call with all arguments. A closed pool takes only the calls of its own calls.
    fn accept(&self, maker: Maker) -> Result<(), TaskError>;

    /// Queues an accepted call.
    fn schedule(self: Arc<Self>, job: JobRef<'_>, maker: Maker, moment: Moment);

    /// Runs an accepted call on the current thread, in serial mode. A paused pool queues the call.
    fn run_ready(self: Arc<Self>, job: Arc<dyn Job>, maker: Maker);

    /// Queues a call for its end after a loss upstream: a worker runs the user's code in the end. Returns `false` if
    /// the pool takes no more calls.
    fn schedule_end(self: Arc<Self>, job: Arc<dyn Job>, at: Standing) -> bool;

    /// Counts an unrun call of this pool as ended.
    fn unscheduled(&self, unrun: Unrun, error: &TaskError);

    /// Has the calls of `agenda` run for a blocked worker of another pool, although the pool lends no more.
    fn serve(self: Arc<Self>, agenda: Arc<dyn Helper>);

    /// Adds the threads with unfinished calls of this pool, and returns their common state.
    fn outlook(&self, threads: &mut Vec<ThreadNumber>) -> Outlook;

    /// Looks at once whether the pool has to lend a permit, because the needs of the pool's calls cannot move.
    fn unstick(self: Arc<Self>);

    /// Returns how often the pool has begun to work, if no call of the pool is queued, running or blocked.
    fn idle_since(&self) -> Option<u64>;

    /// Waits until at one moment no call of the pool is queued, running or blocked; `false` when the deadline came first.
    fn wait_idle(self: Arc<Self>, deadline: Option<Instant>) -> bool;

    /// Ends the wait of the thread `closer` in `close` or `wait_idle`: the thread waits for itself.
    fn release_closer(&self, closer: ThreadNumber);
}

/// The maker of a call: a call of the same pool, so the limits of the pool do not hold, or another caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Maker {
    OwnCall,
    Other,
}

/// The moment of the last argument. A full queue may block a caller at the call, and never later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    AtCall,
    /// At the call too, of a closure that follows ended calls: no caller is held up for it.
    AtFollowing,
    Later,
}

/// The doings of the threads of a pool, as the look along the needs of blocked calls sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outlook {
    /// A call runs, or may begin.
    Moves,
    /// Every begun call is blocked.
    Blocked,
    /// The pool has no workers for now.
    Paused,
}

/// The place of a call that a loss upstream has stopped, until a thread ends the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// In the list of that thread.
    Thread(ThreadNumber, Tried),
    /// In the queue of its pool.
    Queue,
    /// In the queue of the default pool.
    DefaultQueue,
}

impl Standing {
    /// Returns what a waiter finds of the stopped call `job`.
    pub(crate) fn survey(self, job: Arc<dyn Job>) -> Survey {
        match self {
            Self::Queue => Survey::Queued(job),
            Self::DefaultQueue => Survey::Unseen,
            Self::Thread(thread, _) => Survey::Running(thread),
        }
    }

    pub(crate) fn place(self) -> Place {
        if matches!(self, Self::Thread(..)) { Place::Thread } else { Place::Queue }
    }
}

/// Where a call stood before it was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// With an entry in the queue of a pool, and room there.
    Queue,
    /// With the thread that takes it.
    Thread,
}

/// The queues that a stopped call has come back from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tried {
    Nothing,
    Own,
    Both,
}

/// The place of a call at its unrun end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unrun {
    /// In the queue of the pool, where the entry still is.
    Queued,
    /// Outside of the queue, because arguments were missing.
    Waiting,
    /// Nowhere: the call runs no user code, so no pool counts the call.
    Uncounted,
}

/// A thread, by number: a call can keep this number in a plain word, unlike a `ThreadId`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ThreadNumber(pub(crate) u64);

/// A call, from the side of its waiters, without the type of the result.
pub(crate) trait Awaited: Send + Sync {
    fn is_done(&self) -> bool;

    /// Adds what watchers know the call by, or the calls whose results the call passes on.
    #[cfg(feature = "hooks")]
    fn sources(&self, _sources: &mut Sources) {}

    fn site(&self) -> CallSite;

    /// Returns the state of the call, for a waiter who can help. A call with missing arguments adds the missing calls
    /// to `needs`. If `helper` names a helper for the pool of the call, the helper is told as soon as all arguments are
    /// there.
    fn survey(self: Arc<Self>, helper: &mut dyn FnMut(PoolId) -> Option<Arc<dyn Helper>>, needs: &mut Needs) -> Survey;

    /// Returns the call if it is one of `pool`, however far it is: to try to run it without a look before. Takes no lock.
    fn as_job_of(self: Arc<Self>, _pool: PoolId) -> Option<Arc<dyn Job>> {
        None
    }

    /// Has `waiter` told of the end; gives the waiter back if the call has ended.
    fn enlist(&self, waiter: Waiter) -> Option<Waiter>;

    /// Forgets each waiter for which `which` is true.
    fn delist(&self, which: &dyn Fn(&Waiter) -> bool);

    /// Forgets a dependant, or a lend for a dependant, by address. Takes constant time in the long run, however many
    /// dependants exist.
    fn forget(&self, dependant: usize);
}

/// Gives a call, each time it is asked, as [`JobRef`] does.
pub(crate) type AwaitedRef<'a> = &'a dyn Fn() -> Arc<dyn Awaited>;

/// Calls needed by other calls.
pub(crate) type Needs = Vec<Arc<dyn Awaited>>;

/// The finding of [`Awaited::survey`].
pub(crate) enum Survey {
    /// The call has ended.
    Ended,
    /// The call runs on this thread.
    Running(ThreadNumber),
    /// The program will set the value.
    Promised,
    /// A worker of the pool may run the call.
    Queued(Arc<dyn Job>),
    /// Arguments are missing.
    Waiting,
    /// The end comes from a place out of sight of a look.
    Unseen,
}

/// A call, as a pool runs calls.
pub(crate) trait Job: Awaited {
    fn pool(&self) -> PoolId;
    fn is_queued(&self) -> bool;

    /// Returns the place of the call if a loss upstream has stopped the call, and no thread has ended the call yet.
    fn stopped(&self) -> Option<Standing>;

    /// Notes the new place of a stopped call, and tells the helpers that can run the call there. Returns `false` if a thread has taken
    /// the call.
    fn stand(self: Arc<Self>, at: Standing) -> bool;

    /// Runs the call if the call stands in a queue and nobody was faster.
    fn run(self: Arc<Self>, observer: &dyn Observer) -> bool;

    /// Takes the work out of an unstarted call, and runs no user code. The taker ends the call.
    fn take_unstarted(self: Arc<Self>) -> Option<Unstarted>;

    /// Tells the holder of the promise: nobody wants the result. Runs user code. Returns whether the call never began
    /// and never will.
    fn tell_unwanted(&self) -> bool {
        false
    }

    /// Asks the call to stop, if the call runs: a hint that the function can look at.
    fn request_stop(&self) {}

    /// Ends a call without its work, and adds the effects to `aftermath`.
    fn end_lost(&self, error: TaskError, aftermath: &mut Aftermath);
}

/// Gives a call, each time it is asked. The queue owns what it gets, and may lose it at once; whoever submits a call may need the call
/// again, seldom, and has it anyway: a count of its own, which two processors change, would cost a tenth of a submission.
pub(crate) type JobRef<'a> = &'a dyn Fn() -> Arc<dyn Job>;

/// The work of an unstarted call, taken out.
pub(crate) struct Unstarted {
    pub(crate) unrun: Unrun,
    /// The user's function and arguments, to be dropped when nothing waits for the drop.
    pub(crate) remains: Box<dyn Send>,
    pub(crate) tag: Taken,
}

/// The effects of ends, to be done after all ends are stored.
#[derive(Default)]
pub(crate) struct Aftermath {
    pub(crate) wakers: Vec<Waker>,
    pub(crate) dropped: Dropped,
}

impl Aftermath {
    pub(crate) fn is_empty(&self) -> bool {
        self.wakers.is_empty() && self.dropped.is_empty()
    }
}

/// Counts the run of a call. Hears of begin and end before another thread can see the end of the call.
pub(crate) trait Observer {
    /// Whether the thread also ends a call that a loss upstream has stopped, wherever the call stands.
    fn takes_stopped(&self) -> bool {
        true
    }

    fn began(&self, place: Place);
    fn ended(&self, ending: Ending, place: Place);
}

/// The ending of a call taken from a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Returned,
    Panicked,
    /// A loss upstream had ended the call, or the code around the call did not run it: its function did not run.
    Stopped,
}

impl Ending {
    /// Returns the ending of a run with this outcome.
    #[inline]
    pub(crate) fn of_run<T>(outcome: &Result<T, TaskError>) -> Self {
        match outcome {
            Ok(_) => Self::Returned,
            Err(TaskError::Panicked(_)) => Self::Panicked,
            Err(_) => Self::Stopped,
        }
    }
}

/// A waiter is told of an end, and only while no lock is held: wakers are a user's code.
pub(crate) enum Waiter {
    /// A thread of no pool.
    Thread(Thread),
    /// A worker without its permit.
    Worker(Arc<dyn BlockedWorker>),
    /// A task of some executor.
    Task(Waker),
    /// A call with the ending call as the argument of this number.
    Dependant(Arc<dyn Dependant>, u32),
    /// The agenda of a blocked worker in need of this call: told when the call is ready to run, not at the end.
    Helper(Arc<dyn Helper>),
}

/// A worker in a wait.
pub(crate) trait BlockedWorker: Send + Sync {
    /// Gives a blocked worker its permit, and wakes the worker.
    fn wake(&self);

    fn is_blocked(&self) -> bool;
}

/// A call without all of its arguments.
pub(crate) trait Dependant: Send + Sync {
    /// Notes the end of the argument `index`. Runs no user code, and returns the call if its end has to run such code.
    fn arrived(self: Arc<Self>, index: u32) -> Option<Arc<dyn Job>>;
}

/// The agenda of a blocked worker.
pub(crate) trait Helper: Send + Sync {
    /// Adds a call, ready to run.
    fn ready(self: Arc<Self>, job: Arc<dyn Job>);

    /// Notes a change in the needs of a call.
    fn changed(self: Arc<Self>, call: Arc<dyn Awaited>);

    /// Returns the next call, for a thread in the owner's stead; after `None` the thread is no longer in charge.
    fn pop_for_spare(&self) -> Option<Arc<dyn Job>>;

    /// Called when the owner blocks. Returns whether a thread has to come to run these calls; after `false` the owner
    /// is told of the next call.
    fn hand_over(&self) -> bool;

    /// Puts the asking thread in charge of these calls, if they need a thread and have none, and returns whether this
    /// is so.
    fn attend(&self) -> bool;

    /// Called when the thread in charge does not come.
    fn unattend(&self);

    /// Whether the owner still waits.
    fn is_owner_blocked(&self) -> bool;

    /// Called when the thread in the owner's stead has given up its permit.
    fn give_back(&self);

    /// Whether the owner is no worker of these calls' pool.
    fn is_for_another_pool(&self) -> bool;

    /// The system gives no thread for these calls: the owner's wait ends.
    fn starve(&self);
}

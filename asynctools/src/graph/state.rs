//! The states of a call, which only `node` knows.

use crate::error::TaskError;
use crate::graph::traits::Place;
use crate::graph::traits::Standing;
use crate::graph::traits::ThreadNumber;
use crate::graph::traits::Unrun;
use crate::graph::work::Work;

// Implementation
//
// | from | to | by whom | under which call |
// | --- | --- | --- | --- |
// | - | `Waiting`, `Queued`, `Promised`, `Done` | the maker | `waiting`, `queued`, `promised`, `ready` |
// | `Waiting` | `Queued`; `Stopped` by a lost argument; `Running` if no user code runs | who brings the last | `advance` |
// | `Queued`, `Stopped` | `Running` | the first worker or waiter | `run` |
// | `Waiting`, `Queued` | `Running` | who cancels or closes | `take_unstarted` |
// | `Running` | `Promised` | who hands the call over | `hand_over` |
// | `Running`, `Promised` | `Done`, `Taken` | who took the work, or sets the promise | `complete`, `end_lost` |
// | `Done` | `Lent`, and back | who clones the result | `lend_out` |
// | `Done` | `Taken` | the owner of the handle | `take`, `abandon_result` |

/// The life of a call, from the top down.
pub(crate) enum State<W: Work> {
    /// Arguments are missing. The thread that brings the last one moves on; `take_unstarted` may take the work.
    Waiting(W),
    /// In the queue of its pool, all arguments there. The thread that takes the work runs it; `take_unstarted` may take it.
    Queued(W),
    /// All arguments have ended, one without a value. Boxed for the few. The thread that takes the work ends the call, with user code.
    Stopped(Box<(W, Standing)>),
    /// That thread runs it, and only the thread may end it.
    Running(ThreadNumber),
    /// The holder of its promise may end it.
    Promised,
    /// Ended. The owner of the handle may take it.
    Done(Result<W::Output, TaskError>),
    /// Ended; the result is out to be cloned, by the thread that will put it back. `true`: it is an error.
    Lent(bool),
    /// Ended, and the result was taken, or nobody wants it.
    Taken,
}

impl<W: Work> State<W> {
    /// Whether the call stands in a queue.
    pub(crate) fn is_queued(&self) -> bool {
        match self {
            Self::Queued(_) => true,
            Self::Stopped(stopped) => stopped.1.place() == Place::Queue,
            _ => false,
        }
    }

    /// Whether a thread may take the work and run it, or end a stopped call.
    #[inline]
    pub(crate) fn can_run(&self, takes_stopped: bool) -> bool {
        matches!(self, Self::Queued(_)) || takes_stopped && matches!(self, Self::Stopped(_))
    }

    /// Returns where a call stands that has not begun, and which may be taken away.
    pub(crate) fn unrun(&self) -> Option<Unrun> {
        match self {
            Self::Waiting(work) if work.route().is_none() => Some(Unrun::Uncounted),
            Self::Waiting(_) => Some(Unrun::Waiting),
            Self::Queued(_) => Some(Unrun::Queued),
            _ => None,
        }
    }

    /// Whether the call has ended without a value.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self, Self::Done(Err(_)) | Self::Lent(true))
    }
}

//! The count of a call that a worker runs.

use std::cell::Cell;

use crate::graph::notify;
use crate::graph::traits::Ending;
use crate::graph::traits::Observer;
use crate::graph::traits::Place;
use crate::workers::inner::Inner;
use crate::workers::state::Worker;
use crate::workers::state::bump;

/// How a worker came to run a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Taken from the queue.
    Next,
    /// Before its turn: the entry stays in the queue.
    Early,
    /// Before its turn, on the stack of a waiting call, which counts against the bound as long as its thread runs. The call
    /// in there does not.
    Nested,
    /// As `Nested`, for the awaited call itself, which the waiter tries to run before it looks what the call is about.
    Awaited,
}

impl Turn {
    fn is_nested(self) -> bool {
        matches!(self, Self::Nested | Self::Awaited)
    }
}

/// Keeps count of a call run by a worker.
pub(crate) struct RunCount<'a> {
    inner: &'a Inner,
    worker: &'a Worker,
    turn: Turn,
    /// The run has left a tombstone, and there may be enough for a sweep.
    pub(crate) may_sweep: Cell<bool>,
}

impl<'a> RunCount<'a> {
    pub(crate) fn new(inner: &'a Inner, worker: &'a Worker, turn: Turn) -> Self {
        Self { inner, worker, turn, may_sweep: Cell::new(false) }
    }
}

impl Observer for RunCount<'_> {
    fn takes_stopped(&self) -> bool {
        self.turn != Turn::Awaited
    }

    fn began(&self, place: Place) {
        bump(&self.worker.depth, 1);
        if self.turn != Turn::Next && place == Place::Queue && self.inner.queue.bury() {
            self.may_sweep.set(true);
        }
        if self.turn.is_nested() && place == Place::Queue {
            self.inner.make_room();
        }
    }

    fn ended(&self, ending: Ending, place: Place) {
        bump(&self.worker.depth, usize::MAX);
        bump(&self.worker.finished, usize::from(ending != Ending::Stopped));
        bump(&self.worker.panicked, usize::from(ending == Ending::Panicked));
        if self.turn == Turn::Next && ending == Ending::Returned {
            notify::open_next(self.inner.id);
        }
        if !self.turn.is_nested() && place == Place::Queue {
            self.inner.make_room();
        }
    }
}

//! The time slice of a worker that runs one call after the other.

use std::time::Duration;

use crate::sync::Instant;
use crate::sync::thread;

// Implementation
//
// A thread that wakes up gets a core at once if the thread on it has slept lately, and otherwise after a slice of the scheduler's.
// A worker with a full queue never sleeps, so what shares its core, such as an async runtime that has to answer a ping, would come
// late by milliseconds.

/// How long a worker runs calls before it lets others run.
const SLICE: Duration = Duration::from_micros(100);

/// How many short calls run between two looks at the clock.
const LOOK: u32 = 16;

/// The time slice of a worker: from a call that was found waiting to the next pause.
pub(crate) struct TimeSlice {
    /// When the slice began and when the clock was looked at, unless there was no look since the last pause.
    looks: Option<(Instant, Instant)>,
    /// How many calls run before the next look.
    calls: u32,
}

impl TimeSlice {
    /// Returns the slice of a worker after a pause. A single call looks at no clock.
    pub(crate) fn new() -> Self {
        Self { looks: None, calls: 2 }
    }

    /// Counts a call, and lets other threads run if the slice is over.
    pub(crate) fn count(&mut self) {
        self.calls -= 1;
        if self.calls == 0 {
            self.look();
        }
    }

    #[cold]
    fn look(&mut self) {
        let now = Instant::now();
        let Some((since, last)) = self.looks else {
            *self = Self { looks: Some((now, now)), calls: 1 };
            return;
        };
        if now.saturating_duration_since(since) >= SLICE {
            thread::yield_now();
            *self = Self { looks: None, calls: 1 };
            return;
        }
        let are_short = now.saturating_duration_since(last) < SLICE / LOOK;
        *self = Self { looks: Some((since, now)), calls: if are_short { LOOK } else { 1 } };
    }
}

//! The time slice of a worker that runs one call after the other.

use std::time::Duration;

use crate::sync::Instant;
use crate::sync::thread;

// Implementation
//
// A thread that wakes up gets a core at once if the thread on it has slept lately, and otherwise after a slice of the scheduler's.
// A worker with a full queue never sleeps, so what shares its core, such as an async runtime that has to answer a ping, would come
// late by milliseconds.
//
// A worker with short calls lets nobody run in between. Such calls often have answers from a thread on another core, which answers
// while the worker looks; after a yield a third thread would stand between the two. Nested waits of two pools took twice as long.

/// How long a worker runs calls before it lets others run.
const SLICE: Duration = Duration::from_micros(100);

/// Calls that take less are short.
const SHORT: Duration = Duration::from_micros(6);

/// How many short calls run between two looks at the clock.
const LOOK: u32 = 16;

/// The time slice of a worker: from a call that was found waiting to the next pause.
pub(crate) struct TimeSlice {
    /// When the slice began and when the clock was looked at, unless there was no look since the last pause.
    looks: Option<(Instant, Instant)>,
    /// How many calls run between the last look and the next one.
    between: u32,
    /// How many of these are to run.
    left: u32,
}

impl TimeSlice {
    /// Returns the slice of a worker after a pause. A single call looks at no clock.
    pub(crate) fn new() -> Self {
        Self::before(2, None)
    }

    fn before(calls: u32, looks: Option<(Instant, Instant)>) -> Self {
        Self { looks, between: calls, left: calls }
    }

    /// Counts a call, and lets other threads run if the slice is over.
    pub(crate) fn count(&mut self) {
        if self.ends(Instant::now) {
            thread::yield_now();
        }
    }

    /// Counts a call, and returns whether it ends the slice.
    fn ends(&mut self, clock: impl FnOnce() -> Instant) -> bool {
        self.left -= 1;
        self.left == 0 && self.ends_at(clock())
    }

    #[cold]
    fn ends_at(&mut self, now: Instant) -> bool {
        let Some((since, last)) = self.looks else {
            *self = Self::before(1, Some((now, now)));
            return false;
        };
        let are_short = now.saturating_duration_since(last) < SHORT * self.between;
        if !are_short && now.saturating_duration_since(since) >= SLICE {
            *self = Self::before(1, None);
            return true;
        }
        *self = Self::before(if are_short { LOOK } else { 1 }, Some((since, now)));
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sync::Instant;
    use crate::workers::time_slice::SLICE;
    use crate::workers::time_slice::TimeSlice;

    /// Runs calls that take so long each: after how many of them the worker lets others run, and how often it looks at the clock.
    fn run(calls: u32, each: Duration) -> (Vec<u32>, u32) {
        let (mut slice, start, mut looks) = (TimeSlice::new(), Instant::now(), 0);
        let mut ends = Vec::new();
        for call in 1..=calls {
            let clock = || {
                looks += 1;
                start + each * call
            };
            if slice.ends(clock) {
                ends.push(call);
            }
        }
        (ends, looks)
    }

    #[test]
    fn others_run_after_each_slice_of_long_calls() {
        assert_eq!(run(8, Duration::from_micros(200)).0, [3, 5, 7]);
        // The first call is counted without a look, and the slice begins at the second.
        assert_eq!(run(30, Duration::from_micros(20)).0, [7, 13, 19, 25]);
    }

    #[test]
    fn no_other_runs_among_short_calls_and_the_clock_is_seldom_looked_at() {
        let (ends, looks) = run(16_000, Duration::from_micros(2));
        assert!(ends.is_empty(), "{ends:?}");
        assert!((1_000..1_010).contains(&looks), "{looks}");
    }

    #[test]
    fn a_single_call_looks_at_no_clock() {
        assert_eq!(run(1, SLICE), (Vec::new(), 0));
    }
}

//! The limit on the calls in a queue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::AtomicU8;
use crate::sync::Thread;
use crate::sync::thread;
use crate::workers::config::OnFull;

/// The room in a bounded queue, and the submissions blocked for room. Guarded by the lock of the pool.
pub(crate) struct Bound {
    queue: usize,
    pub(crate) on_full: OnFull,
    /// Calls taken in and not ended. A call inside the wait of another call counts only until its begin. Below zero for
    /// a moment when a call with late arguments ends before the pool has counted the call.
    outstanding: isize,
    /// Blocked submissions, the oldest first.
    waiting: VecDeque<Arc<Submission>>,
}

/// A submission blocked for room.
pub(crate) struct Submission {
    thread: Thread,
    answer: AtomicU8,
}

const ROOM: u8 = 1;
const CLOSED: u8 = 2;

impl Submission {
    fn answer(&self, answer: u8) {
        self.answer.store(answer, Ordering::Release);
        self.thread.unpark();
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.answer.load(Ordering::Acquire) != 0
    }

    /// Whether the pool was closed meanwhile.
    pub(crate) fn is_refused(&self) -> bool {
        self.answer.load(Ordering::Acquire) == CLOSED
    }
}

impl Bound {
    pub(crate) fn new(queue: usize, on_full: OnFull) -> Self {
        Self { queue, on_full, outstanding: 0, waiting: VecDeque::new() }
    }

    /// Whether a call has to wait for room, where `capacity` calls have begun or may begin at once: so a refusal does
    /// not depend on how quickly an idle worker wakes.
    pub(crate) fn is_full(&self, capacity: usize) -> bool {
        !self.waiting.is_empty() || !self.has_room(capacity)
    }

    fn has_room(&self, capacity: usize) -> bool {
        usize::try_from(self.outstanding).unwrap_or(0) < self.queue.saturating_add(capacity)
    }

    /// Takes in a call.
    pub(crate) fn enter(&mut self) {
        self.outstanding += 1;
    }

    /// A call has ended, was taken back, or has begun inside the wait of another.
    pub(crate) fn leave(&mut self) {
        self.outstanding -= 1;
    }

    /// Takes in the oldest blocked submissions as far as there is room.
    pub(crate) fn grant(&mut self, capacity: usize) {
        while self.has_room(capacity)
            && let Some(submission) = self.waiting.pop_front()
        {
            self.enter();
            submission.answer(ROOM);
        }
    }

    /// Has the current thread wait for room.
    pub(crate) fn wait_in_line(&mut self) -> Arc<Submission> {
        let submission = Arc::new(Submission { thread: thread::current(), answer: AtomicU8::new(0) });
        self.waiting.push_back(submission.clone());
        submission
    }

    /// Ends the wait of all submissions: the pool is closed.
    pub(crate) fn refuse_all(&mut self) {
        self.waiting.drain(..).for_each(|submission| submission.answer(CLOSED));
    }
}

//! What the owner of a pool does with it: resize, watch, close.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::context;
use crate::crew::Crew;
use crate::error::TaskError;
use crate::limits::PoolStats;
use crate::places::CLOSED;
use crate::sync::Instant;

impl Crew {
    pub(crate) fn target(&self) -> usize {
        self.lock().target
    }

    pub(crate) fn set_target(self: &Arc<Self>, target: usize) {
        let mut places = self.lock();
        if places.closed {
            return;
        }
        let was_paused = std::mem::replace(&mut places.target, target) == 0;
        self.publish(&places);
        // Those who blocked meanwhile found no spare for what they need: they look again.
        let blocked: Vec<_> = places.seats.values().filter(|seat| was_paused && seat.is_blocked()).cloned().collect();
        // Whoever has become a spare has less patience.
        places.parked.iter().for_each(|seat| seat.unpark());
        let waiting = places.front.len() + self.receiver.len();
        drop(places);
        for seat in &blocked {
            self.resume(seat);
        }
        self.room.notify_all();
        self.hire_or_starve(waiting);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.has(CLOSED)
    }

    pub(crate) fn cancel_queued(&self) -> usize {
        self.take_queue().iter().filter(|call| call.lose(TaskError::Cancelled)).count()
    }

    /// Closes the pool and waits for its workers: whether they are gone. From a call of the pool itself it does not wait.
    pub(crate) fn close(&self, deadline: Option<Instant>) -> bool {
        let mut places = self.lock();
        places.closed = true;
        places.gone = places.seats.is_empty();
        let paused = places.target == 0;
        // What the calls that run still make has to end.
        places.target = places.target.max(1);
        self.publish(&places);
        places.parked.iter().for_each(|seat| seat.unpark());
        drop(places);
        self.room.notify_all();
        if paused {
            self.close_queued();
        }
        !context::is_inside(self.id) && context::away(|| self.wait_gone(deadline))
    }

    fn close_queued(&self) {
        for call in self.take_queue() {
            call.lose(TaskError::Closed);
        }
    }

    fn wait_gone(&self, deadline: Option<Instant>) -> bool {
        let mut places = self.lock();
        loop {
            if let Some(seat) = places.leaving.pop() {
                drop(places);
                seat.join();
                places = self.lock();
                places.threads -= 1;
                self.gone.notify_all();
            } else if places.threads == 0 {
                break;
            } else if let Some(deadline) = deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                places = self.gone.wait_timeout(places, left).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                places = self.gone.wait(places).unwrap_or_else(PoisonError::into_inner);
            }
        }
        drop(places);
        // Submissions that raced with the close, and were not told yet.
        self.close_queued();
        true
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let places = self.lock();
        let seats = || places.seats.values();
        let in_calls = seats().filter(|seat| seat.depth.load(Ordering::Relaxed) > 0).count();
        let room = places.target.saturating_sub(places.busy);
        let spares = places.parked.len().saturating_sub(room);
        let shells = usize::try_from(self.shells.0.load(Ordering::Relaxed)).unwrap_or(0);
        PoolStats {
            workers: places.target,
            idle: (places.seats.len() - in_calls).saturating_sub(spares),
            running: in_calls.saturating_sub(places.blocked),
            blocked: places.blocked,
            queued: (places.front.len() + self.receiver.len()).saturating_sub(shells),
            finished: places.finished + seats().map(|seat| seat.finished.load(Ordering::Relaxed)).sum::<usize>(),
            panicked: places.panicked + seats().map(|seat| seat.panicked.load(Ordering::Relaxed)).sum::<usize>(),
            cancelled: self.cancelled.load(Ordering::Relaxed),
            spares,
        }
    }
}

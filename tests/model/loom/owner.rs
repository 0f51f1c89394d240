//! What the owner of a handle does while the call ends.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;

use asynctools_model::AsyncValue;
use asynctools_model::TaskError;

use crate::ends::End;
use crate::ends::On;
use crate::ends::Outcome;
use crate::ends::World;
use crate::ends::check_outcome;
use crate::ends::has_value;

/// So many looks at the clock are in a wait with a time-out: it is over before it parks, or after it parked once.
pub(crate) const LOOKS: [Duration; 2] = [Duration::from_nanos(1), Duration::from_nanos(2)];

/// What the owner of its handle does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Op {
    Look,
    TimedGet(Duration),
    /// With that waker.
    Poll(usize),
    /// Makes a call that needs a clone of the result.
    Register,
    Get,
    /// Makes the result an argument of a call.
    Pass,
    Drop,
    Cancel,
}

/// After these the owner has the handle still, unless the call has ended.
pub(crate) const LOOKING: &[Op] =
    &[Op::Look, Op::TimedGet(LOOKS[0]), Op::TimedGet(LOOKS[1]), Op::Poll(0), Op::Poll(1), Op::Register];
pub(crate) const LAST: &[Op] = &[Op::Get, Op::Pass, Op::Drop, Op::Cancel];

/// What a poll is ready with; the loss of a call is a panic there.
fn check_polled(end: End, polled: &std::thread::Result<Outcome>) {
    let has_value = has_value(end);
    assert_eq!(polled.is_ok(), has_value, "{end:?} is polled otherwise");
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the owner did, and what has to be true in the end.
pub(crate) struct Owner {
    end: End,
    on: On,
    world: Arc<World>,
    value: Option<AsyncValue<Outcome>>,
    wakes: [Arc<Wakes>; 2],
    /// The waker of the last poll that was not ready.
    pending: Option<usize>,
    /// A later poll was, or the handle was dropped: the waker need not be woken any more.
    forgotten: bool,
    pub(crate) next: Vec<AsyncValue<()>>,
    cancelled: bool,
}

impl Owner {
    pub(crate) fn act(&mut self, op: Op) {
        let Some(mut value) = self.value.take() else { return };
        match op {
            Op::Look => {
                if value.is_finished() {
                    assert!(self.world.ended.load(Ordering::Relaxed), "what came before the end is not there");
                }
                self.value = Some(value);
            }
            Op::TimedGet(time) => match value.outcome_timeout(time) {
                Ok(outcome) => check_outcome(self.end, &outcome),
                Err(value) => self.value = Some(value),
            },
            Op::Poll(number) => {
                let waker = Waker::from(self.wakes[number].clone());
                self.forgotten = true;
                let mut poll = || Pin::new(&mut value).poll(&mut Context::from_waker(&waker));
                match catch_unwind(AssertUnwindSafe(&mut poll)) {
                    Ok(Poll::Pending) => {
                        self.forgotten = false;
                        self.pending = Some(number);
                        self.value = Some(value);
                    }
                    Ok(Poll::Ready(outcome)) => check_polled(self.end, &Ok(outcome)),
                    Err(payload) => check_polled(self.end, &Err(payload)),
                }
            }
            Op::Register => {
                self.next.push(self.on.next(&value));
                self.value = Some(value);
            }
            Op::Get => check_outcome(self.end, &value.outcome()),
            Op::Pass => {
                let outcome = value.zip(AsyncValue::ready(())).outcome();
                check_outcome(self.end, &outcome.map(|(outcome, ())| outcome).map_err(|error| error.root().clone()));
            }
            Op::Drop => {
                self.forgotten = true;
                drop(value);
            }
            Op::Cancel => {
                self.cancelled = value.cancel();
                self.forgotten = !self.cancelled;
            }
        }
    }

    /// Nobody else is there any more, but a worker.
    pub(crate) fn check(mut self) {
        // What stands in the queue and is not for the worker ends.
        self.on.0.close();
        let woken = self.wakes.each_ref().map(|wakes| wakes.0.load(Ordering::Relaxed));
        if let Some(last) = self.pending {
            let allowed = if self.forgotten { 0..=1 } else { 1..=1 };
            assert!(allowed.contains(&woken[last]), "the last waker was woken {} times", woken[last]);
            assert_eq!(woken[1 - last], 0, "a waker that was replaced");
        } else {
            assert_eq!(woken, [0, 0], "woken, and never pending");
        }
        if let Some(value) = self.value.take() {
            assert!(value.is_finished());
            check_outcome(self.end, &value.outcome());
        }
        for next in self.next.drain(..) {
            assert!(next.is_finished());
            let Err(error) = next.outcome() else {
                assert_eq!((self.end, self.cancelled), (End::Run, false), "the next call never ran");
                continue;
            };
            let lost = match self.end {
                _ if self.cancelled => matches!(error.root(), TaskError::Cancelled),
                end if has_value(end) => matches!(error, TaskError::Closed),
                End::CancelQueued => matches!(error.root(), TaskError::Cancelled),
                End::Close => matches!(error.root(), TaskError::Closed),
                End::Panic | End::RunPanic => matches!(error.root(), TaskError::Panicked(_)),
                _ => matches!(error.root(), TaskError::Abandoned),
            };
            assert!(lost, "{:?} is seen as {error} by the next call", self.end);
        }
        let world = self.world.clone();
        drop(self);
        assert_eq!(world.made.load(Ordering::Relaxed), world.dropped.load(Ordering::Relaxed), "dropped once each");
    }
}

impl Owner {
    pub(crate) fn new(end: End, on: On, world: Arc<World>, value: AsyncValue<Outcome>) -> Self {
        let (value, wakes) = (Some(value), Default::default());
        Self { end, on, world, value, wakes, pending: None, forgotten: false, next: Vec::new(), cancelled: false }
    }
}

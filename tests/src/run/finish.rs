//! The ways to be done with a handle.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::thread::Thread;
use std::time::Duration;

use asynctools::AsyncValue;
use asynctools::Shared;

use crate::program::plan::Wait;
use crate::run::state::Run;
use crate::seen::Kind;
use crate::seen::Seen;
use crate::seen::seen_of_outcome;
use crate::seen::seen_of_payload;
use crate::seen::seen_of_result;
use crate::seen::seen_of_shared;
use crate::tally::Tally;
use crate::value::Fail;
use crate::value::Out;

impl Run {
    /// Uses the handle up as `wait` says, and returns the end that shows. `outside` of all calls a poll may park the thread.
    pub(crate) fn finish<E: Fail>(
        self: &Arc<Self>,
        mut value: AsyncValue<Out<E>>,
        wait: Wait,
        outside: bool,
    ) -> Option<Seen> {
        let timed_out = || Tally::add(&self.tally.timed_out);
        let micros = |micros: u16| Duration::from_micros(u64::from(micros));
        let seen = match wait {
            Wait::Get => seen_of_result(catch_unwind(AssertUnwindSafe(|| value.get()))),
            Wait::Waker(_) | Wait::PollAgain if outside => self.woken(value, wait),
            Wait::Outcome | Wait::Waker(_) | Wait::PollAgain => seen_of_outcome(value.outcome()),
            Wait::Ended => {
                value.wait();
                let failed = value.is_error();
                let seen = seen_of_outcome(value.outcome());
                if failed == matches!(seen, Seen::Value(_) | Seen::Failed(_)) {
                    self.fault(format!("`is_error` says {failed} of {seen:?}"));
                }
                seen
            }
            Wait::GetTimeout(limit) => match catch_unwind(AssertUnwindSafe(|| value.get_timeout(micros(limit)))) {
                Ok(Err(value)) => {
                    timed_out();
                    seen_of_outcome(value.outcome())
                }
                Ok(Ok(result)) => seen_of_result(Ok(result)),
                Err(payload) => seen_of_payload(payload),
            },
            Wait::OutcomeTimeout(limit) => match value.outcome_timeout(micros(limit)) {
                Err(value) => {
                    timed_out();
                    seen_of_result(catch_unwind(AssertUnwindSafe(|| value.get())))
                }
                Ok(outcome) => seen_of_outcome(outcome),
            },
            Wait::Within(limit) => {
                // At most three times: a wait of no time at all keeps its permit, which the call might need.
                for _ in 0..3 {
                    if !value.wait_timeout(micros(limit)) {
                        timed_out();
                    }
                }
                seen_of_outcome(value.outcome())
            }
            Wait::TryGet(times) => {
                for _ in 0..times {
                    match catch_unwind(AssertUnwindSafe(|| value.try_get())) {
                        Ok(Ok(result)) => return Some(self.counted(seen_of_result(Ok(result)))),
                        Ok(Err(again)) => value = again,
                        Err(payload) => return Some(self.counted(seen_of_payload(payload))),
                    }
                    thread::yield_now();
                }
                seen_of_outcome(value.outcome())
            }
            Wait::Poll(times) | Wait::PollDrop(times) => {
                let waker = Waker::from(Arc::new(Unpark(thread::current())));
                let mut context = Context::from_waker(&waker);
                let mut left = usize::from(times);
                loop {
                    match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut value).poll(&mut context))) {
                        Ok(Poll::Ready(result)) => break seen_of_result(Ok(result)),
                        Err(payload) => break seen_of_payload(payload),
                        Ok(Poll::Pending) if outside && matches!(wait, Wait::Poll(_)) => thread::park(),
                        Ok(Poll::Pending) if left > 0 => {
                            left -= 1;
                            thread::yield_now();
                        }
                        Ok(Poll::Pending) if matches!(wait, Wait::PollDrop(_)) => {
                            // The call may have ended since.
                            return drop_it(caught(|| drop(value)));
                        }
                        Ok(Poll::Pending) => break seen_of_outcome(value.outcome()),
                    }
                }
            }
            Wait::Cancel => {
                // The panic of a `Drop` hides whether the call was cancelled.
                if caught(move || value.cancel()) != Some(true) {
                    return None;
                }
                Seen::Lost(Some(Kind::Cancelled), Some(0))
            }
            Wait::Stop => {
                Tally::add(&self.tally.stops);
                let _asked = caught(|| value.request_stop());
                seen_of_outcome(value.outcome())
            }
            Wait::Drop => return drop_it(caught(|| drop(value))),
            Wait::Detach => return drop_it(caught(|| value.detach())),
        };
        Some(self.counted(seen))
    }

    /// As [`finish_shared`](Self::finish_shared), and drops the handle.
    pub(crate) fn finish_reader<E: Fail>(&self, shared: Shared<Out<E>>, wait: Wait) -> Option<Seen> {
        let seen = self.finish_shared(&shared, wait);
        discard(|| drop(shared));
        seen
    }

    pub(crate) fn finish_shared<E: Fail>(&self, shared: &Shared<Out<E>>, wait: Wait) -> Option<Seen> {
        let outcome = || seen_of_shared(shared.outcome());
        let seen = match wait {
            Wait::Cancel | Wait::Drop | Wait::Detach | Wait::PollDrop(_) => return None,
            Wait::Get => match catch_unwind(AssertUnwindSafe(|| shared.get())) {
                Ok(Ok(value)) => Seen::Value(value.origin),
                Ok(Err(error)) => Seen::Failed(error.origin()),
                Err(payload) => seen_of_payload(payload),
            },
            Wait::GetTimeout(limit) | Wait::OutcomeTimeout(limit) | Wait::Within(limit) => {
                if !shared.wait_timeout(Duration::from_micros(u64::from(limit))) {
                    Tally::add(&self.tally.timed_out);
                }
                outcome()
            }
            Wait::Ended => {
                shared.wait();
                outcome()
            }
            Wait::Outcome | Wait::Stop | Wait::TryGet(_) | Wait::Poll(_) | Wait::Waker(_) | Wait::PollAgain => {
                outcome()
            }
        };
        Some(self.counted(seen))
    }

    pub(crate) fn counted(&self, seen: Seen) -> Seen {
        self.count(&seen);
        seen
    }

    pub(crate) fn count(&self, seen: &Seen) {
        let tally = &self.tally;
        let counter = match seen {
            Seen::Value(_) => &tally.values,
            Seen::Failed(_) => &tally.errors,
            Seen::Panicked(_) | Seen::Lost(None | Some(Kind::Panicked(_)), _) => &tally.panics,
            Seen::Lost(Some(Kind::Cancelled), _) => &tally.cancellations,
            Seen::Lost(Some(Kind::Closed), _) => &tally.closed,
            Seen::Lost(Some(Kind::Rejected), _) => &tally.rejections,
            Seen::Lost(Some(Kind::Abandoned), _) => &tally.abandoned,
            Seen::Lost(Some(Kind::Refused | Kind::Deadlock), _) => &tally.refused,
            Seen::Odd(text) => return self.fault(text.clone()),
        };
        Tally::add(counter);
        if let Seen::Lost(_, Some(1..)) | Seen::Panicked(Some(1..)) = seen {
            Tally::add(&tally.upstream);
        }
    }
}

/// Runs `f`, in which a value may be dropped whose `Drop` panics.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).ok()
}

/// Runs `f`, in which a value may be dropped whose `Drop` panics.
pub(crate) fn discard(f: impl FnOnce()) {
    let _ = caught(f);
}

pub(crate) fn drop_it<T>(value: T) -> Option<Seen> {
    drop(value);
    None
}

pub(crate) struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

//! Tasks whose wakers do more than wake.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::thread::Thread;

use asynctools::AsyncValue;

use crate::program::plan::Hook;
use crate::program::plan::Wait;
use crate::run::state::Run;
use crate::run::state::lock;
use crate::seen::Seen;
use crate::seen::seen_of_payload;
use crate::seen::seen_of_result;
use crate::tally::Tally;
use crate::value::DROP;
use crate::value::Fail;
use crate::value::Out;

/// A task that a thread runs, and its waker too.
struct Task<E> {
    run: Arc<Run>,
    thread: Thread,
    hook: Option<Hook>,
    slot: Mutex<Slot<E>>,
}

enum Slot<E> {
    Pending(AsyncValue<Out<E>>),
    Seen(Seen),
}

impl<E: Fail> Task<E> {
    /// Polls, unless another thread does so now: that thread is woken, and polls again.
    fn poll(self: &Arc<Self>) {
        let Ok(mut slot) = self.slot.try_lock() else { return };
        let Slot::Pending(value) = &mut *slot else { return };
        let waker = Waker::from(self.clone());
        let poll = || Pin::new(value).poll(&mut Context::from_waker(&waker));
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(result)) => *slot = Slot::Seen(seen_of_result(Ok(result))),
            Err(payload) => *slot = Slot::Seen(seen_of_payload(payload)),
        }
    }
}

impl<E: Fail> Wake for Task<E> {
    fn wake(self: Arc<Self>) {
        Tally::add(&self.run.tally.wakers);
        match self.hook {
            None => self.poll(),
            // The thread goes on all the same.
            Some(Hook::Panic) => self.thread.unpark(),
            Some(_) => {}
        }
        if let Some(hook) = self.hook {
            self.run.hook(hook, DROP);
        }
        self.thread.unpark();
    }
}

impl Run {
    /// Polls the value until it is ready, with a waker as `wait` says. For threads outside of all calls.
    pub(crate) fn woken<E: Fail>(self: &Arc<Self>, value: AsyncValue<Out<E>>, wait: Wait) -> Seen {
        let hook = if let Wait::Waker(hook) = wait { Some(hook) } else { None };
        let slot = Mutex::new(Slot::Pending(value));
        let task = Arc::new(Task { run: self.clone(), thread: thread::current(), hook, slot });
        loop {
            task.poll();
            if let Slot::Seen(seen) = &*lock(&task.slot) {
                return seen.clone();
            }
            thread::park();
        }
    }
}

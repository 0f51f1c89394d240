//! The waker of a [`Shared`](crate::Shared), one of many waiters.

use std::sync::Arc;
use std::task::Waker;

use crate::graph::later::Later;
use crate::graph::traits::Awaited;
use crate::graph::traits::Dependant;
use crate::graph::traits::Job;
use crate::graph::traits::Waiter;
use crate::graph::waiters::address;
use crate::panics::lock;
use crate::sync::Mutex;

/// The waker of a handle. Unlike the waker of an [`AsyncValue`](crate::AsyncValue), this waker stands among the wakers of other handles.
pub(crate) struct Polled(Arc<Task>);

struct Task {
    call: Arc<dyn Awaited>,
    waker: Mutex<Option<Waker>>,
}

impl Polled {
    pub(crate) fn new(call: Arc<dyn Awaited>, waker: &Waker) -> Self {
        let task = Arc::new(Task { call, waker: Mutex::new(Some(waker.clone())) });
        drop(task.call.enlist(Waiter::Dependant(task.clone(), 0)));
        Self(task)
    }

    pub(crate) fn set(&self, waker: &Waker) {
        let waker = waker.clone();
        let before = lock(&self.0.waker).replace(waker);
        drop(before);
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        // The task may stand among the waiters for a while.
        let waker = lock(&self.0.waker).take();
        drop(waker);
        self.0.call.forget(address(&self.0));
    }
}

impl Dependant for Task {
    fn arrived(self: Arc<Self>, _index: u32) -> Option<Arc<dyn Job>> {
        // The waker is the user's code, which may wait: a job of its own.
        let waker = lock(&self.waker).take()?;
        Some(Later::wakes(vec![waker]))
    }
}

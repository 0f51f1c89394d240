//! Code of the user that the runtime runs: drops and wakers that do what a closure says.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;

use crate::helpers::lock;

/// Runs a closure when it is dropped.
pub(crate) struct AtDrop(Option<Box<dyn FnOnce() + Send>>);

impl AtDrop {
    pub(crate) fn new(then: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }
}

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.take().expect("dropped once")();
    }
}

/// A waker that runs a closure, once.
pub(crate) struct Wakes(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wakes {
    pub(crate) fn waker(then: impl FnOnce() + Send + 'static) -> Waker {
        Arc::new(Self(Mutex::new(Some(Box::new(then))))).into()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        let then = lock(&self.0).take();
        then.expect("woken once")();
    }
}

/// Polls once: whether the future is ready.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(waker)).is_ready()
}

//! Tells waiters of an end, without recursion.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::graph::traits::Dependant;
use crate::graph::traits::Waiter;
use crate::panics::discard;
use crate::sync::thread_local;

impl Waiter {
    pub(crate) fn fire(self) {
        match self {
            Self::Thread(thread) => thread.unpark(),
            Self::Worker(worker) => worker.wake(),
            // A waker that panics has its panic shown by the hook; the others must still be woken.
            Self::Task(waker) => {
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake())).map_err(discard);
            }
            Self::Dependant(next, index) => defer(next, index),
            Self::Agenda(_) => {}
        }
    }
}

thread_local! {
    /// Has no destructor: a promise in a thread-local of the user may end a long chain. The list is empty then, and owns no
    /// memory between two uses.
    static WORKLIST: ManuallyDrop<RefCell<Worklist>> =
        const { ManuallyDrop::new(RefCell::new(Worklist { open: VecDeque::new(), draining: false })) };
}

/// Ends that have to be passed on. A list instead of recursion, so that a graph of any depth needs no stack.
struct Worklist {
    open: VecDeque<(Arc<dyn Dependant>, u32)>,
    draining: bool,
}

/// Tells `next` that its argument `index` has arrived: now, or if this thread is busy telling others, after them.
fn defer(dependant: Arc<dyn Dependant>, index: u32) {
    WORKLIST.with(|list| list.borrow_mut().open.push_back((dependant, index)));
    flush();
}

/// Holds back what `f` sets off, until [`flush`].
pub(crate) fn hold(f: impl FnOnce()) {
    let outer = WORKLIST.with(|list| std::mem::replace(&mut list.borrow_mut().draining, true));
    f();
    WORKLIST.with(|list| list.borrow_mut().draining = outer);
}

/// Passes on what was held back, unless this thread is at it already.
pub(crate) fn flush() {
    if !WORKLIST.with(|list| list.borrow().draining) {
        drain();
        WORKLIST.with(|list| drop(std::mem::take(&mut list.borrow_mut().open)));
    }
}

/// Empties the worklist. Whoever is about to block calls it too: what is waited for may stand in there.
pub(crate) fn drain() {
    hold(|| {
        while let Some((next, index)) = WORKLIST.with(|list| list.borrow_mut().open.pop_front()) {
            // What is dropped in there last may be a user's result.
            let _ = catch_unwind(AssertUnwindSafe(|| next.arrived(index))).map_err(discard);
        }
    });
}

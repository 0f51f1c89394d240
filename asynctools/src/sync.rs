//! The meeting place of threads: everything from the standard library by which our threads affect each other, and the
//! queue.
//!
//! `tests/model` puts a model checker's types of the same names here, and tries all orders of the threads' actions. So
//! all modules import these types from here.

use std::cell::RefCell;

pub(crate) use std::hint;
pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::MutexGuard;
pub(crate) use std::sync::OnceLock;
pub(crate) use std::sync::atomic::AtomicBool;
pub(crate) use std::sync::atomic::AtomicIsize;
pub(crate) use std::sync::atomic::AtomicU8;
pub(crate) use std::sync::atomic::AtomicUsize;
pub(crate) use std::sync::atomic::fence;
pub(crate) use std::thread;
pub(crate) use std::thread::JoinHandle;
pub(crate) use std::thread::Thread;
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) use crossbeam_channel::Receiver;
pub(crate) use crossbeam_channel::Sender;
pub(crate) use crossbeam_channel::unbounded;

/// How often to look before parking. To a model one look more is another order of the same events.
pub(crate) const fn turns(looks: u32) -> u32 {
    looks
}

type AtEnd = Box<dyn FnOnce()>;

/// Calls the function inside, at the drop.
struct CallAtEnd(Option<AtEnd>);

impl Drop for CallAtEnd {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

std::thread_local! {
    static AT_END: RefCell<CallAtEnd> = const { RefCell::new(CallAtEnd(None)) };
}

/// Has `f` called when the current thread ends. Of thread-locals, the first one made is destroyed last: where this is the first
/// thing that a thread does, the destructors of the user's have run by then.
pub(crate) fn at_thread_end(f: impl FnOnce() + 'static) {
    AT_END.with(|end| end.borrow_mut().0 = Some(Box::new(f)));
}

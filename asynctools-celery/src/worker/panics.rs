//! Where a panic of a task came from, for its traceback.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::cell::RefCell;
use std::panic;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

thread_local! {
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    static TRACEBACK: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic of a task.
pub(crate) struct Panicked {
    pub(crate) message: String,
    pub(crate) traceback: String,
}

/// Lets the panics of tasks be noted. Panics of other code go to the hook that was there before.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if IN_TASK.get() {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let text = format!("panicked at {place}\n{}", Backtrace::capture());
                TRACEBACK.with_borrow_mut(|traceback| *traceback = Some(text));
            } else {
                before(info);
            }
        }));
    });
}

/// Runs a task, and returns its panic.
pub(crate) fn catch<T>(task: impl FnOnce() -> T) -> Result<T, Panicked> {
    IN_TASK.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(task));
    IN_TASK.set(false);
    result.map_err(|payload| {
        let message = text(payload.as_ref());
        // The payload may panic when it is dropped.
        if let Err(second) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
        Panicked { message, traceback: TRACEBACK.take().unwrap_or_default() }
    })
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref().map(String::as_str));
    text.unwrap_or("Box<dyn Any>").to_owned()
}

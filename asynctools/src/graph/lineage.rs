//! The calls on the stack of the current thread, and their makers.

use std::cell::Cell;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::graph::blocked::this_thread;
use crate::graph::stop::Run;
use crate::graph::traits::PoolId;
use crate::graph::traits::ThreadNumber;
use crate::sync::thread_local;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

// Implementation
//
// A call that is made inside of another keeps a link to its maker until it has ended, and the maker cuts its own link when it
// ends. So a chain of calls of which each makes the next one keeps no history.

/// A call with calls of its own.
pub(crate) struct Lineage {
    pool: PoolId,
    thread: ThreadNumber,
    ended: AtomicBool,
    maker: Mutex<MadeBy>,
}

/// The call that made a call, if a call did.
pub(crate) type MadeBy = Option<Arc<Lineage>>;

/// A call on the stack of a thread.
struct Frame {
    pool: PoolId,
    made_by: MadeBy,
    /// Made when the call makes its first other call.
    own: MadeBy,
    run: Run,
}

thread_local! {
    /// The pool of this thread, if the thread is a worker. Has no destructor, so the user's destructors can still read
    /// the pool.
    static HOME: Cell<PoolId> = const { Cell::new(PoolId::NONE) };
    /// The position of the stack at the start of the outermost call run by this thread as a caller.
    static GUEST_BASE: Cell<usize> = const { Cell::new(0) };
    /// The pool of the innermost call run by this thread as a caller, up to the last effect of the end of the call.
    static GUEST_OF: Cell<PoolId> = const { Cell::new(PoolId::NONE) };
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Makes the current thread a worker of `pool`, from now until its end.
pub(crate) fn set_home(pool: PoolId) {
    HOME.with(|home| home.set(pool));
}

/// Keeps a call on the list of the current thread, until the drop.
pub(crate) struct Running(());

/// Enters a call of `pool` into the list, before the current thread runs the call.
pub(crate) fn enter(pool: PoolId, made_by: MadeBy, run: Run) -> Running {
    let _ = FRAMES.try_with(|frames| frames.borrow_mut().push(Frame { pool, made_by, own: None, run }));
    Running(())
}

impl Drop for Running {
    fn drop(&mut self) {
        let frame = FRAMES.try_with(|frames| frames.borrow_mut().pop());
        if let Ok(Some(Frame { own: Some(own), .. })) = frame {
            own.ended.store(true, Ordering::Release);
            drop(own.maker.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// Looks at the innermost call of the current thread; `None` if the thread is in no call.
pub(crate) fn with_run<R>(look: impl FnOnce(&mut Run) -> R) -> Option<R> {
    FRAMES.try_with(|frames| Some(look(&mut frames.borrow_mut().last_mut()?.run))).ok().flatten()
}

/// Returns the innermost call of the current thread, as the maker of another call.
pub(crate) fn made_here() -> MadeBy {
    let made = FRAMES.try_with(|frames| {
        let mut frames = frames.borrow_mut();
        let frame = frames.last_mut()?;
        let own = frame.own.get_or_insert_with(|| {
            Arc::new(Lineage {
                pool: frame.pool,
                thread: this_thread(),
                ended: AtomicBool::new(false),
                maker: Mutex::new(frame.made_by.clone()),
            })
        });
        Some(own.clone())
    });
    made.ok().flatten()
}

/// Whether the current thread is in a call of `pool`, however deep, so that the limits of the pool do not hold here.
pub(crate) fn is_inside(pool: PoolId) -> bool {
    let inside = FRAMES.try_with(|frames| frames.borrow().iter().any(|frame| frame.pool == pool));
    inside.unwrap_or(false) || HOME.with(Cell::get) == pool
}

/// Whether the current thread is in a call of any pool.
pub(crate) fn is_in_call() -> bool {
    let inside = FRAMES.try_with(|frames| !frames.borrow().is_empty());
    inside.unwrap_or(false) || HOME.with(Cell::get) != PoolId::NONE
}

/// Makes the current thread a caller that runs a call of `pool`, until the drop.
pub(crate) struct Guest(PoolId);

pub(crate) fn be_guest(pool: PoolId) -> Guest {
    Guest(GUEST_OF.with(|guest| guest.replace(pool)))
}

impl Drop for Guest {
    fn drop(&mut self) {
        GUEST_OF.with(|guest| guest.set(self.0));
    }
}

/// Returns the pool of the call that the current thread runs as a caller, or whose end it passes on.
pub(crate) fn guest_of() -> PoolId {
    GUEST_OF.with(Cell::get)
}

/// Returns where the stack is now, near enough. An address is a number like any other: nothing is read through it.
#[inline(never)]
pub(crate) fn stack_position() -> usize {
    let here = 0_u8;
    black_box(&raw const here).addr()
}

/// On an ordinary thread, calls run by their caller may begin within these many bytes of stack.
const GUEST_STACK: usize = 256 * 1024;

/// Whether enough stack is left for the current thread to run another call as a caller. A worker knows its own stack,
/// and gives the answer in `worker_has_stack`.
pub(crate) fn has_room_for_guest(worker_has_stack: Option<bool>) -> bool {
    if let Some(has_stack) = worker_has_stack {
        return has_stack;
    }
    let position = stack_position();
    if !is_in_call() {
        GUEST_BASE.with(|base| base.set(position));
    }
    GUEST_BASE.with(Cell::get).abs_diff(position) < GUEST_STACK
}

/// Returns the pools and threads of the unfinished makers of the current thread's calls, and of the makers of those
/// makers in turn.
pub(crate) fn makers() -> Vec<(PoolId, ThreadNumber)> {
    let direct = FRAMES
        .try_with(|frames| -> Vec<_> { frames.borrow().iter().filter_map(|frame| frame.made_by.clone()).collect() });
    let mut open = direct.unwrap_or_default();
    let mut found = Vec::new();
    while let Some(maker) = open.pop() {
        if !maker.ended.load(Ordering::Acquire) {
            found.push((maker.pool, maker.thread));
            open.extend(maker.maker.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
    }
    found
}

//! The calls on the stack of the current thread, and their makers.

use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::graph::blocked::this_thread;
use crate::graph::stop::Run;
use crate::graph::stop::RunCells;
use crate::graph::traits::PoolId;
use crate::graph::traits::ThreadNumber;
use crate::sync::thread_local;

// Implementation
//
// A call that is made inside of another call knows its maker by number, and the maker is on a list as long as it runs. So a chain of
// calls of which each makes the next one keeps no history, and a call that makes none is on no list. Each thread has a list of its
// own, and the number says which: nearly always nobody else wants the lock. Like `blocked`, the lists are the standard library's
// under a model checker too: nothing waits under these locks.

/// A call that has made calls, by number: the place of the list of its thread, and a number in there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct MadeBy(u64);

impl MadeBy {
    /// Made by no call.
    pub(crate) const NOBODY: Self = Self(0);
    /// No system has more than 2^22 threads. The numbers in a list begin again after days of nothing but calls that make calls.
    const CALL_BITS: u32 = 42;

    fn new(place: usize, call: u64) -> Self {
        Self(((place as u64) << Self::CALL_BITS) | (call % (1 << Self::CALL_BITS)))
    }

    fn place(self) -> usize {
        usize::try_from(self.0 >> Self::CALL_BITS).unwrap_or(usize::MAX)
    }
}

/// A running call that has made calls.
struct Maker {
    number: MadeBy,
    pool: PoolId,
    thread: ThreadNumber,
    made_by: MadeBy,
}

/// The running calls of one thread that have made calls, the innermost last.
#[derive(Default)]
struct Makers {
    running: Vec<Maker>,
    /// The number of the last one. The next thread that has this list goes on from there: calls may remember the numbers.
    last: u64,
}

struct Lists {
    all: Vec<Arc<Mutex<Makers>>>,
    /// The places of the lists whose threads have ended.
    free: Vec<usize>,
}

static LISTS: Mutex<Lists> = Mutex::new(Lists { all: Vec::new(), free: Vec::new() });

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The list of the current thread, until the thread ends.
struct OwnList {
    place: usize,
    makers: Arc<Mutex<Makers>>,
}

impl OwnList {
    fn new() -> Self {
        let mut lists = lock(&LISTS);
        if let Some(place) = lists.free.pop() {
            return Self { place, makers: lists.all[place].clone() };
        }
        let makers = Arc::default();
        lists.all.push(Arc::clone(&makers));
        Self { place: lists.all.len() - 1, makers }
    }

    /// Enters a running call of the current thread.
    fn enter(&self, pool: PoolId, made_by: MadeBy) -> MadeBy {
        let mut makers = lock(&self.makers);
        makers.last += 1;
        let number = MadeBy::new(self.place, makers.last);
        makers.running.push(Maker { number, pool, thread: this_thread(), made_by });
        number
    }

    /// The innermost call on the list has ended.
    fn leave(&self) {
        lock(&self.makers).running.pop();
    }
}

impl Drop for OwnList {
    fn drop(&mut self) {
        lock(&LISTS).free.push(self.place);
    }
}

/// A call on the stack of a thread.
#[derive(Clone, Copy)]
struct Frame {
    run: Run,
    made_by: MadeBy,
    /// The call itself, since its first call of its own.
    own: MadeBy,
}

/// The innermost call of a thread, part by part: each call writes and reads a few, and a copy of all would have to wait for what was
/// just written.
struct Innermost {
    is_some: Cell<bool>,
    run: RunCells,
    made_by: Cell<MadeBy>,
    own: Cell<MadeBy>,
}

impl Innermost {
    fn get(&self) -> Option<Frame> {
        let frame = || Frame { run: self.run.get(), made_by: self.made_by.get(), own: self.own.get() };
        self.is_some.get().then(frame)
    }

    #[inline]
    fn set(&self, Frame { run, made_by, own }: Frame) {
        self.is_some.set(true);
        self.run.set(run);
        self.made_by.set(made_by);
        self.own.set(own);
    }

    /// Keeps the call among the outer calls, while another one runs.
    #[cold]
    fn keep(&self) {
        let _ = OUTER.try_with(|frames| frames.borrow_mut().extend(self.get()));
    }

    /// Makes the last of the outer calls the innermost again.
    #[cold]
    fn restore(&self) {
        if let Ok(Some(outer)) = OUTER.try_with(|frames| frames.borrow_mut().pop()) {
            self.set(outer);
        }
    }

    /// Puts the call, which makes its first call, on the list of its thread.
    #[cold]
    fn enter_list(&self) {
        let enter =
            |list: &OnceCell<OwnList>| list.get_or_init(OwnList::new).enter(self.run.pool(), self.made_by.get());
        self.own.set(OWN_LIST.try_with(enter).unwrap_or(MadeBy::NOBODY));
    }
}

/// Takes the innermost call off the list of its thread.
#[cold]
fn leave_list() {
    let _ = OWN_LIST.try_with(|list| list.get().map(OwnList::leave));
}

thread_local! {
    /// The pool of this thread, if the thread is a worker. Has no destructor, so the user's destructors can still read
    /// the pool.
    static HOME: Cell<PoolId> = const { Cell::new(PoolId::NONE) };
    /// The position of the stack at the start of the outermost call run by this thread as a caller.
    static GUEST_BASE: Cell<usize> = const { Cell::new(0) };
    /// The pool of the innermost call run by this thread as a caller, up to the last effect of the end of the call.
    static GUEST_OF: Cell<PoolId> = const { Cell::new(PoolId::NONE) };
    /// The innermost call of this thread. Has no destructor, which each call would pay for.
    static INNERMOST: Innermost = const {
        Innermost {
            is_some: Cell::new(false),
            run: RunCells::new(),
            made_by: Cell::new(MadeBy::NOBODY),
            own: Cell::new(MadeBy::NOBODY),
        }
    };
    /// The calls around the innermost call, the outermost first.
    static OUTER: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
    static OWN_LIST: OnceCell<OwnList> = const { OnceCell::new() };
}

/// Makes the current thread a worker of `pool`, from now until its end.
pub(crate) fn set_home(pool: PoolId) {
    HOME.with(|home| home.set(pool));
}

/// Keeps a call on the stack of the current thread, until the drop.
pub(crate) struct Running {
    is_nested: bool,
}

/// Puts the call at the address `call` onto the stack of the current thread, which is about to run the call. `requests` is the
/// number of requests to stop when the call went to its queue.
pub(crate) fn enter(call: usize, pool: PoolId, made_by: MadeBy, requests: u32) -> Running {
    INNERMOST.with(|innermost| {
        let is_nested = innermost.is_some.get();
        if is_nested {
            innermost.keep();
        }
        innermost.set(Frame { run: Run::new(call, pool, requests), made_by, own: MadeBy::NOBODY });
        Running { is_nested }
    })
}

impl Drop for Running {
    fn drop(&mut self) {
        INNERMOST.with(|innermost| {
            innermost.run.end();
            if innermost.own.get() != MadeBy::NOBODY {
                leave_list();
            }
            innermost.is_some.set(false);
            if self.is_nested {
                innermost.restore();
            }
        });
    }
}

/// Looks at the innermost call of the current thread; `None` if the thread is in no call.
pub(crate) fn with_run<R>(look: impl FnOnce(&RunCells) -> R) -> Option<R> {
    INNERMOST.with(|innermost| innermost.is_some.get().then(|| look(&innermost.run)))
}

/// Returns the innermost call of the current thread, as the maker of another call.
pub(crate) fn made_here() -> MadeBy {
    INNERMOST.with(|innermost| {
        if !innermost.is_some.get() {
            return MadeBy::NOBODY;
        }
        if innermost.own.get() == MadeBy::NOBODY {
            innermost.enter_list();
        }
        innermost.own.get()
    })
}

/// Returns what `look` finds for a call of the current thread, the innermost one first.
fn find<R>(look: impl Fn(&Frame) -> Option<R>) -> Option<R> {
    let innermost = INNERMOST.with(Innermost::get).and_then(|frame| look(&frame));
    innermost.or_else(|| OUTER.try_with(|frames| frames.borrow().iter().rev().find_map(look)).ok().flatten())
}

/// Whether the current thread is in a call of `pool`, however deep, so that the limits of the pool do not hold here.
pub(crate) fn is_inside(pool: PoolId) -> bool {
    HOME.with(Cell::get) == pool || find(|frame| (frame.run.pool() == pool).then_some(())).is_some()
}

/// Whether the current thread is in a call of any pool.
pub(crate) fn is_in_call() -> bool {
    HOME.with(Cell::get) != PoolId::NONE || INNERMOST.with(|innermost| innermost.is_some.get())
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
    let outer = OUTER.try_with(|frames| -> Vec<_> { frames.borrow().iter().map(|frame| frame.made_by).collect() });
    let mut open = outer.unwrap_or_default();
    open.extend(INNERMOST.with(Innermost::get).map(|frame| frame.made_by));
    let mut found = Vec::new();
    while let Some(number) = open.pop() {
        let list = lock(&LISTS).all.get(number.place()).cloned();
        let Some(list) = list.filter(|_| number != MadeBy::NOBODY) else { continue };
        if let Some(maker) = lock(&list).running.iter().find(|maker| maker.number == number) {
            found.push((maker.pool, maker.thread));
            open.push(maker.made_by);
        }
    }
    found
}

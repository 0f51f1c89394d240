//! The pool of one annotated function.

use std::cell::RefCell;
use std::fmt;

use crate::pool::Pool;
use crate::sync::OnceLock;
use crate::workers::config::Config;
use crate::workers::config::OnFull;

/// The pool of one annotated function, for expansions. The first call makes it.
pub struct FunctionPool {
    name: &'static str,
    workers: fn() -> usize,
    queue: Option<fn() -> usize>,
    on_full: OnFull,
    pool: OnceLock<Pool>,
}

impl FunctionPool {
    /// Declares the pool of the function `name`.
    #[must_use]
    pub const fn new(name: &'static str, workers: fn() -> usize) -> Self {
        Self { name, workers, queue: None, on_full: OnFull::Block, pool: OnceLock::new() }
    }

    /// Sets how many calls may wait in the queue.
    #[must_use]
    pub const fn queue(mut self, queue: fn() -> usize) -> Self {
        self.queue = Some(queue);
        self
    }

    /// Sets what happens to a call that finds the queue full.
    #[must_use]
    pub const fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// Returns the pool, which the first call makes.
    ///
    /// # Panics
    ///
    /// If an expression is 0, or calls the function itself.
    #[inline]
    #[track_caller]
    pub fn get(&'static self) -> &'static Pool {
        match self.pool.get() {
            Some(pool) => pool,
            None => self.make(),
        }
    }

    #[cold]
    #[track_caller]
    fn make(&'static self) -> &'static Pool {
        let name = self.name;
        // The expressions are the user's code, so no lock is held. If two first calls evaluate them, one result counts.
        let (workers, queue) = Evaluation::of(self, || ((self.workers)(), self.queue.map(|queue| queue())));
        assert!(workers > 0, "`{name}`: `workers` is 0, and a pool without workers never runs a call");
        assert!(queue != Some(0), "`{name}`: `queue` is 0, and no call could ever wait");
        self.pool.get_or_init(|| {
            let bound = queue.map(|queue| (queue, self.on_full));
            Pool::with(workers, Config { bound, ..Config::named(name) })
        })
    }
}

thread_local! {
    /// The addresses of the pools whose expressions this thread evaluates now.
    static EVALUATED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Stands for an evaluation on this thread. The expressions cannot call the function, because the pool is not made yet.
struct Evaluation;

impl Evaluation {
    #[track_caller]
    fn of<R>(pool: &'static FunctionPool, evaluate: impl FnOnce() -> R) -> R {
        let address = std::ptr::from_ref(pool).addr();
        let again = EVALUATED.with_borrow(|open| open.contains(&address));
        assert!(!again, "`{}`: the expression for its workers calls the function itself", pool.name);
        EVALUATED.with_borrow_mut(|open| open.push(address));
        let _end = Self;
        evaluate()
    }
}

impl Drop for Evaluation {
    fn drop(&mut self) {
        EVALUATED.with_borrow_mut(Vec::pop);
    }
}

impl fmt::Debug for FunctionPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionPool").field("name", &self.name).finish_non_exhaustive()
    }
}

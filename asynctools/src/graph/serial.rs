//! Whether calls run on the threads that make them.

use std::cell::Cell;
use std::env;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::sync::thread_local;

// Implementation
//
// Nearly every program is never in serial mode, and pays one load of a number that stays 0. The number is more while the variable
// was not read, if the variable says so, and while a thread is in `serial`. The number is the standard library's under a model
// checker too: the models do not know the mode.

/// 1 for the variable, and 2 for each thread in `serial`.
static REASONS: AtomicUsize = AtomicUsize::new(1);

/// The calls of which pools run serially, in the whole process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    Off,
    /// All but those of `#[parallel]`.
    Pools,
    All,
}

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// Whether a call that the current thread makes, or readies, runs on the current thread. `is_parallel` says that the call is one of
/// `#[parallel]`.
pub(crate) fn is_on(is_parallel: bool) -> bool {
    REASONS.load(Ordering::Relaxed) != 0 && look(is_parallel)
}

#[cold]
fn look(is_parallel: bool) -> bool {
    match mode() {
        Mode::All => true,
        Mode::Pools => !is_parallel,
        Mode::Off => !is_parallel && HERE.with(Cell::get),
    }
}

fn mode() -> Mode {
    static MODE: OnceLock<Mode> = OnceLock::new();
    *MODE.get_or_init(|| {
        let mode = read();
        if mode == Mode::Off {
            REASONS.fetch_sub(1, Ordering::Relaxed);
        }
        mode
    })
}

fn read() -> Mode {
    let Some(value) = env::var_os("ASYNCTOOLS_SERIAL") else { return Mode::Off };
    match value.to_str() {
        Some("" | "0") => Mode::Off,
        Some("1") => Mode::Pools,
        Some("all") => Mode::All,
        _ => {
            let value = value.display();
            eprintln!(
                "asynctools: ASYNCTOOLS_SERIAL is \"{value}\", and is taken for `0`: it can be `0`, `1` or `all`"
            );
            Mode::Off
        }
    }
}

/// Keeps the current thread in serial mode, until the drop.
pub(crate) struct Serial {
    outer: bool,
}

pub(crate) fn enter() -> Serial {
    REASONS.fetch_add(2, Ordering::Relaxed);
    Serial { outer: HERE.with(|here| here.replace(true)) }
}

impl Drop for Serial {
    fn drop(&mut self) {
        HERE.with(|here| here.set(self.outer));
        REASONS.fetch_sub(2, Ordering::Relaxed);
    }
}

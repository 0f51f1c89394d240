//! The rooms of `tests/it` whose tests catch the faults in `tests/faults`. `tests/faults/run` builds this binary for each fault,
//! since the whole of `it` takes minutes. No other command runs it.

// The rooms know the file by the name of the package in `tests`.
extern crate self as tests;

#[path = "../src/watch.rs"]
pub mod watch;

#[path = "../it/helpers.rs"]
mod helpers;
#[path = "../it/process.rs"]
mod process;
#[path = "../it/hooks.rs"]
mod hooks;

#[path = "../it/phases.rs"]
mod phases;
#[path = "../it/worklist.rs"]
mod worklist;
#[path = "../it/row.rs"]
mod row;
#[path = "../it/lending.rs"]
mod lending;
#[path = "../it/endings.rs"]
mod endings;
#[path = "../it/serial.rs"]
mod serial;

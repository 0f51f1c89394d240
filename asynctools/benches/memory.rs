//! The bytes of a waiting call, which another program of this package counts.

use std::process::Command;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;

use crate::measure::Row;
use crate::quartiles::Verdict;

/// A line of what `waiting` prints.
pub(crate) struct Memory {
    pub(crate) system: String,
    allocations: u64,
    bytes: u64,
    mean_allocations: String,
    mean_bytes: String,
}

pub(crate) fn measure() -> Vec<Memory> {
    let program = env!("CARGO_BIN_EXE_waiting");
    let output = Command::new(program).env("BLOCKING_MAX_THREADS", "1").output().expect("the program runs");
    String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
}

fn parse(line: &str) -> Memory {
    let mut fields = line.split('\t').map(str::to_owned);
    let mut field = || fields.next().expect("every line has five fields");
    let number = |field: String| field.parse().expect("a count is a number");
    Memory {
        system: field(),
        allocations: number(field()),
        bytes: number(field()),
        mean_allocations: field(),
        mean_bytes: field(),
    }
}

impl Memory {
    pub(crate) fn cells(&self) -> Vec<String> {
        let (allocations, bytes) = (self.allocations.to_string(), self.bytes.to_string());
        vec![self.system.clone(), allocations, bytes, self.mean_allocations.clone(), self.mean_bytes.clone()]
    }
}

/// The bars: a `fn() -> u64` that waits, and the handle to it.
pub(crate) fn rows(memory: &[Memory]) -> Vec<Row> {
    let ours = memory.first().expect("ours is the first");
    let handle = size_of::<AsyncValue<u64>>() as u64;
    [("allocations", ours.allocations, 1), ("bytes", ours.bytes, 112), ("bytes of the handle", handle, 16)]
        .map(|(what, figure, bar)| Row {
            work: format!("waiting `fn() -> u64`: {what}"),
            ours: figure.to_string(),
            against: String::new(),
            ratio: String::new(),
            bar: bar.to_string(),
            verdict: Some(if figure <= bar { Verdict::Held } else { Verdict::Missed }),
        })
        .into()
}

/// The sizes of what a program keeps.
pub(crate) fn sizes() -> String {
    format!(
        "Bytes of a handle {}, a list {}, a pool {}, an error {}.",
        size_of::<AsyncValue<u64>>(),
        size_of::<AsyncList<u64>>(),
        size_of::<Pool>(),
        size_of::<TaskError>()
    )
}

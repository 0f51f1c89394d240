//! Windows over many calls, beside a list of fewer calls of the same function, and the memory that they keep.

use std::fs;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Calls as _;

use crate::measure::Against;
use crate::measure::Row;
use crate::measure::Scale;
use crate::measure::Work;
use crate::measure::per;
use crate::quartiles::Verdict;
use crate::systems::Job;
use crate::systems::NoOp;

const LIST: &str = "AsyncList";
const IN_ORDER: &str = "buffered";
const UNORDERED: &str = "buffer_unordered";
const WINDOW: usize = 1_024;

fn calls(count: u64) -> impl Iterator<Item = AsyncValue<u64>> {
    (0..count).map(NoOp::annotated)
}

fn turn<I: Iterator<Item = u64>>(count: u64, results: impl Fn(u64) -> I) -> impl FnMut() -> f64 {
    move || per(count, || assert_eq!(results(count).sum::<u64>(), count * (count - 1) / 2))
}

pub(crate) fn windows(scale: Scale) -> Work {
    let (listed, windowed) = (scale.calls(1_000_000), scale.calls(2_000_000));
    Work::new("windows of 1,024 calls", "call")
        .ours(LIST, turn(listed, |count| calls(count).collect::<AsyncList<_>>().get().into_iter()))
        .ours(IN_ORDER, turn(windowed, |count| calls(count).buffered(WINDOW)))
        .ours(UNORDERED, turn(windowed, |count| calls(count).buffer_unordered(WINDOW)))
        .answered(IN_ORDER, Against::System(LIST), 0.70, 0.90)
        .answered(UNORDERED, Against::System(LIST), 1.80, 2.70)
}

/// The bar on memory, in a process that has made no list: how much a window grows after its first 100,000 calls.
pub(crate) fn memory(scale: Scale) -> Vec<Row> {
    let calls_each = scale.calls(10_000_000);
    let row = |name: &str, grown: u64| Row {
        work: format!("{name}: kB more after 100,000 calls"),
        ours: grown.to_string(),
        against: String::new(),
        ratio: String::new(),
        bar: "1023".to_owned(),
        verdict: Some(if grown < 1_024 { Verdict::Held } else { Verdict::Missed }),
    };
    if resident().is_none() {
        return Vec::new();
    }
    vec![
        row(IN_ORDER, growth(calls(calls_each).buffered(WINDOW))),
        row(UNORDERED, growth(calls(calls_each).buffer_unordered(WINDOW))),
    ]
}

/// How many kB the resident memory is above that after the first calls, at most.
fn growth(results: impl Iterator<Item = u64>) -> u64 {
    const FIRST: usize = 100_000;
    let mut first = 0;
    let mut most = 0;
    for (n, _result) in results.enumerate() {
        if n == FIRST {
            first = resident().unwrap_or_default();
        }
        if n >= FIRST && n.is_multiple_of(FIRST) {
            most = most.max(resident().unwrap_or_default());
        }
    }
    most.saturating_sub(first)
}

/// The resident memory in kB, where the system tells.
pub(crate) fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

//! The places of calls in a picture: groups of rows by pool, a row for each thread, and calls inside of calls.

use std::collections::HashMap;
use std::time::Duration;

use crate::pictures::calls::CallRecord;

/// How many calls a picture shows.
pub(crate) const MOST: usize = 2_000;

/// The rows of one pool.
pub(crate) struct Group {
    pub(crate) rows: Vec<Row>,
}

/// The calls of one pool that one thread has run.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The place of a call in the list, and in how many calls of the row it is nested.
    pub(crate) calls: Vec<(usize, usize)>,
}

/// Calls in their places.
pub(crate) struct Layout {
    pub(crate) groups: Vec<Group>,
    /// The places of calls that never ran.
    pub(crate) never: Vec<usize>,
    /// The time in which threads ran calls, without the waits.
    pub(crate) work: Duration,
    /// The first moment, and the last.
    pub(crate) span: (Duration, Duration),
}

/// The number of a pool, whether it comes last, and its rows with the numbers of their threads.
type Pool = (usize, bool, Vec<(u64, Row)>);

/// The pool of `#[parallel]` comes last: arrows run down and to the right mostly.
const LAST: &str = "parallel";

impl Layout {
    pub(crate) fn of(calls: &[CallRecord]) -> Self {
        let mut groups: Vec<Pool> = Vec::new();
        let mut never = Vec::new();
        let mut by_start: Vec<_> = (0..calls.len()).collect();
        by_start.sort_by_key(|&place| {
            let call = &calls[place];
            (call.started, std::cmp::Reverse(call.ended), call.id)
        });
        for place in by_start {
            let call = &calls[place];
            let Some(thread) = call.thread.as_deref().filter(|_| call.started.is_some()) else {
                never.push(place);
                continue;
            };
            let group = groups.iter().position(|(pool, ..)| *pool == call.pool_number).unwrap_or_else(|| {
                groups.push((call.pool_number, *call.pool == *LAST, Vec::new()));
                groups.len() - 1
            });
            let rows = &mut groups[group].2;
            let row = rows.iter().position(|(number, _)| *number == call.thread_number).unwrap_or_else(|| {
                rows.push((call.thread_number, Row { name: thread.to_owned(), calls: Vec::new() }));
                rows.len() - 1
            });
            rows[row].1.calls.push((place, 0));
        }
        groups.sort_by_key(|(_, is_last, _)| *is_last);
        let mut groups: Vec<_> = groups
            .into_iter()
            .map(|(.., mut rows)| {
                rows.sort_by(|a, b| natural(&a.1.name).cmp(&natural(&b.1.name)));
                Group { rows: rows.into_iter().map(|(_, row)| row).collect() }
            })
            .collect();
        for row in groups.iter_mut().flat_map(|group| &mut group.rows) {
            nest(calls, &mut row.calls);
        }
        never.sort_by_key(|&place| (calls[place].ended, calls[place].id));
        let first = calls.iter().map(|call| call.called).min().unwrap_or_default();
        let last = calls.iter().map(|call| call.ended).max().unwrap_or_default();
        Self { groups, never, work: work(calls), span: (first, last) }
    }
}

/// `pool-10` comes after `pool-9`.
fn natural(name: &str) -> (&str, u64) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (head, tail) = name.split_at(name.len() - digits);
    (head, tail.parse().unwrap_or(0))
}

/// Finds out in how many calls of the row each call is. The calls come in the order of their starts.
fn nest(calls: &[CallRecord], row: &mut [(usize, usize)]) {
    let mut open: Vec<Duration> = Vec::new();
    for (place, depth) in row {
        let call = &calls[*place];
        let started = call.started.unwrap_or_default();
        open.retain(|end| *end > started);
        *depth = open.len();
        open.push(call.ended);
    }
}

/// Sums up the time in which threads ran calls, without the waits.
fn work(calls: &[CallRecord]) -> Duration {
    let mut threads: HashMap<u64, Vec<&CallRecord>> = HashMap::new();
    for call in calls.iter().filter(|call| call.started.is_some()) {
        threads.entry(call.thread_number).or_default().push(call);
    }
    let mut sum = Duration::ZERO;
    for calls in threads.values_mut() {
        calls.sort_by_key(|call| call.started);
        let mut until = Duration::ZERO;
        for call in calls {
            let started = call.started.unwrap_or_default();
            sum += call.ended.saturating_sub(started.max(until));
            until = until.max(call.ended);
            for wait in &call.waits {
                sum = sum.saturating_sub(wait.to.saturating_sub(wait.from));
            }
        }
    }
    sum
}

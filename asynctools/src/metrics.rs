//! Counts and times of calls and pools, for a recorder of [`metrics`](https://docs.rs/metrics).
//!
//! | name | kind | labels |
//! | --- | --- | --- |
//! | `asynctools_calls_total` | counter | `function`, `pool`, `ending` |
//! | `asynctools_call_arguments_seconds` | histogram: the wait for the last argument | `function`, `pool` |
//! | `asynctools_call_queue_seconds` | histogram: the wait for a worker | `function`, `pool` |
//! | `asynctools_call_run_seconds` | histogram: from start to end | `function`, `pool` |
//! | `asynctools_pool_workers`, `_running`, `_blocked`, `_queued`, `_idle`, `_spares` | gauges, as in [`PoolStats`](crate::PoolStats) | `pool` |
//!
//! `ending` is `returned`, `panicked`, `passed_on` (an argument failed), `upstream` (an argument was lost), `cancelled`,
//! `rejected`, `closed` or `lost`. Only calls that ran are in the histograms. The program installs the recorder before the
//! first call: the handles of a function are made at its first call, and without a recorder that function stays mute.
//! The pools are counted when [`record_pools`] says so, and not by a thread that polls.

use crate::graph::registry;
use crate::tag::meters::Gauges;

/// Sets the gauges of all living pools of the process, and sets those of pools that are gone to 0. Pools of the same name count
/// together; a pool without a limit, such as that of [`#[parallel]`](macro@crate::parallel), has infinite `workers`.
///
/// A program calls this when an exporter is about to be read.
///
/// # Examples
///
/// ```
/// use asynctools::Pool;
///
/// let pool = Pool::named("disk", 2);
/// assert_eq!(pool.spawn(|| 5).get(), 5);
/// // In the handler of `/metrics`, before the recorder is asked for its text:
/// asynctools::metrics::record_pools();
/// ```
pub fn record_pools() {
    let mut gauges = Gauges::default();
    for pool in registry::all() {
        pool.measure(&mut gauges);
    }
    gauges.record();
}

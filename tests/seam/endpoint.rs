//! The text of an endpoint for Prometheus: that of the example. A process of its own, since the recorder is that of the process.

#[expect(dead_code, reason = "the test calls what `main` calls")]
#[path = "../../examples/prometheus.rs"]
mod prometheus;

use seam_tests::METRICS;
use seam_tests::watched;

/// Replaces the numbers that depend on time: seconds, and how many threads a pool has at the moment.
fn without_times(line: &str) -> String {
    let depends = ["_seconds{", "_seconds_sum{", "asynctools_pool_idle{", "asynctools_pool_spares{"];
    match line.rsplit_once(' ') {
        Some((series, number)) if depends.iter().any(|part| series.contains(part)) => {
            let number: f64 = number.parse().expect("a number");
            assert!((0.0..60.0).contains(&number), "{line}");
            format!("{series} ..")
        }
        _ => line.to_owned(),
    }
}

const EXPECTED: &str = r#"
asynctools_call_arguments_seconds_count{function="endpoint::prometheus::load",pool="disk"} 10
asynctools_call_arguments_seconds_count{function="endpoint::prometheus::shrink",pool="shrink"} 9
asynctools_call_arguments_seconds_count{function="map",pool="night"} 0
asynctools_call_arguments_seconds_count{function="spawn",pool="night"} 0
asynctools_call_arguments_seconds_sum{function="endpoint::prometheus::load",pool="disk"} ..
asynctools_call_arguments_seconds_sum{function="endpoint::prometheus::shrink",pool="shrink"} ..
asynctools_call_arguments_seconds_sum{function="map",pool="night"} ..
asynctools_call_arguments_seconds_sum{function="spawn",pool="night"} ..
asynctools_call_queue_seconds_count{function="endpoint::prometheus::load",pool="disk"} 10
asynctools_call_queue_seconds_count{function="endpoint::prometheus::shrink",pool="shrink"} 9
asynctools_call_queue_seconds_count{function="map",pool="night"} 0
asynctools_call_queue_seconds_count{function="spawn",pool="night"} 0
asynctools_call_queue_seconds_sum{function="endpoint::prometheus::load",pool="disk"} ..
asynctools_call_queue_seconds_sum{function="endpoint::prometheus::shrink",pool="shrink"} ..
asynctools_call_queue_seconds_sum{function="map",pool="night"} ..
asynctools_call_queue_seconds_sum{function="spawn",pool="night"} ..
asynctools_call_run_seconds_count{function="endpoint::prometheus::load",pool="disk"} 10
asynctools_call_run_seconds_count{function="endpoint::prometheus::shrink",pool="shrink"} 9
asynctools_call_run_seconds_count{function="map",pool="night"} 0
asynctools_call_run_seconds_count{function="spawn",pool="night"} 0
asynctools_call_run_seconds_sum{function="endpoint::prometheus::load",pool="disk"} ..
asynctools_call_run_seconds_sum{function="endpoint::prometheus::shrink",pool="shrink"} ..
asynctools_call_run_seconds_sum{function="map",pool="night"} ..
asynctools_call_run_seconds_sum{function="spawn",pool="night"} ..
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="cancelled"} 0
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="closed"} 0
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="lost"} 0
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="panicked"} 0
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="passed_on"} 0
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="rejected"} 0
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="returned"} 10
asynctools_calls_total{function="endpoint::prometheus::load",pool="disk",ending="upstream"} 0
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="cancelled"} 0
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="closed"} 0
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="lost"} 0
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="panicked"} 1
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="passed_on"} 1
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="rejected"} 0
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="returned"} 8
asynctools_calls_total{function="endpoint::prometheus::shrink",pool="shrink",ending="upstream"} 0
asynctools_calls_total{function="map",pool="night",ending="cancelled"} 0
asynctools_calls_total{function="map",pool="night",ending="closed"} 0
asynctools_calls_total{function="map",pool="night",ending="lost"} 0
asynctools_calls_total{function="map",pool="night",ending="panicked"} 0
asynctools_calls_total{function="map",pool="night",ending="passed_on"} 0
asynctools_calls_total{function="map",pool="night",ending="rejected"} 0
asynctools_calls_total{function="map",pool="night",ending="returned"} 0
asynctools_calls_total{function="map",pool="night",ending="upstream"} 0
asynctools_calls_total{function="spawn",pool="night",ending="cancelled"} 1
asynctools_calls_total{function="spawn",pool="night",ending="closed"} 0
asynctools_calls_total{function="spawn",pool="night",ending="lost"} 0
asynctools_calls_total{function="spawn",pool="night",ending="panicked"} 0
asynctools_calls_total{function="spawn",pool="night",ending="passed_on"} 0
asynctools_calls_total{function="spawn",pool="night",ending="rejected"} 0
asynctools_calls_total{function="spawn",pool="night",ending="returned"} 0
asynctools_calls_total{function="spawn",pool="night",ending="upstream"} 0
asynctools_pool_blocked{pool="disk"} 0
asynctools_pool_blocked{pool="night"} 0
asynctools_pool_blocked{pool="shrink"} 0
asynctools_pool_idle{pool="disk"} ..
asynctools_pool_idle{pool="night"} ..
asynctools_pool_idle{pool="shrink"} ..
asynctools_pool_queued{pool="disk"} 0
asynctools_pool_queued{pool="night"} 5
asynctools_pool_queued{pool="shrink"} 0
asynctools_pool_running{pool="disk"} 0
asynctools_pool_running{pool="night"} 0
asynctools_pool_running{pool="shrink"} 0
asynctools_pool_spares{pool="disk"} ..
asynctools_pool_spares{pool="night"} ..
asynctools_pool_spares{pool="shrink"} ..
asynctools_pool_workers{pool="disk"} 2
asynctools_pool_workers{pool="night"} 0
asynctools_pool_workers{pool="shrink"} 2
"#;

#[test]
fn the_endpoint_of_the_example_says_what_happened() {
    let text = watched(|| prometheus::run().map_err(|error| error.to_string())).unwrap();
    // Of one name, the order of the series is that of a map.
    let mut seen: Vec<_> = text.lines().filter(|line| !line.is_empty()).map(without_times).collect();
    seen.retain(|line| !line.contains("quantile="));
    seen.sort_unstable();
    let expected: Vec<_> = METRICS.lines().chain(EXPECTED.trim().lines()).collect();
    assert_eq!(seen, expected, "{text}");
}

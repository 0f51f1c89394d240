//! Calls and pools as metrics, read as Prometheus reads them.

use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncValue;
use asynctools::CallInfo;
use asynctools::Pool;
use asynctools::Run;
use asynctools::metrics::record_pools;
use asynctools::pooled;
use metrics_exporter_prometheus::PrometheusBuilder;
use seam_tests::METRICS;
use seam_tests::watched;

static STORE: Pool = Pool::named("store", 2);

#[pooled(pool = STORE)]
fn load(n: u32) -> Result<u32, String> {
    match n {
        0 => Err("nothing".to_owned()),
        7 => panic!("no luck"),
        n => Ok(n),
    }
}

#[pooled(pool = STORE)]
fn save(n: u32) -> Result<u32, String> {
    Ok(n)
}

/// The text without times: those differ from run to run.
fn without_times(text: &str) -> Vec<&str> {
    let is_time = |line: &str| line.contains("_seconds{") || line.contains("_seconds_sum{");
    text.lines().filter(|line| !line.is_empty() && !is_time(line)).collect()
}

const EXPECTED: &str = r#"
asynctools_call_arguments_seconds_count{function="meters::load",pool="store"} 4
asynctools_call_arguments_seconds_count{function="meters::save",pool="store"} 1
asynctools_call_queue_seconds_count{function="meters::load",pool="store"} 4
asynctools_call_queue_seconds_count{function="meters::save",pool="store"} 1
asynctools_call_run_seconds_count{function="meters::load",pool="store"} 4
asynctools_call_run_seconds_count{function="meters::save",pool="store"} 1
asynctools_calls_total{function="meters::load",pool="store",ending="cancelled"} 1
asynctools_calls_total{function="meters::load",pool="store",ending="closed"} 0
asynctools_calls_total{function="meters::load",pool="store",ending="lost"} 0
asynctools_calls_total{function="meters::load",pool="store",ending="panicked"} 1
asynctools_calls_total{function="meters::load",pool="store",ending="passed_on"} 0
asynctools_calls_total{function="meters::load",pool="store",ending="rejected"} 0
asynctools_calls_total{function="meters::load",pool="store",ending="returned"} 3
asynctools_calls_total{function="meters::load",pool="store",ending="upstream"} 0
asynctools_calls_total{function="meters::save",pool="store",ending="cancelled"} 0
asynctools_calls_total{function="meters::save",pool="store",ending="closed"} 0
asynctools_calls_total{function="meters::save",pool="store",ending="lost"} 0
asynctools_calls_total{function="meters::save",pool="store",ending="panicked"} 0
asynctools_calls_total{function="meters::save",pool="store",ending="passed_on"} 1
asynctools_calls_total{function="meters::save",pool="store",ending="rejected"} 0
asynctools_calls_total{function="meters::save",pool="store",ending="returned"} 1
asynctools_calls_total{function="meters::save",pool="store",ending="upstream"} 1
asynctools_pool_blocked{pool="store"} 0
asynctools_pool_idle{pool="store"} 0
asynctools_pool_queued{pool="store"} 0
asynctools_pool_running{pool="store"} 0
asynctools_pool_spares{pool="store"} 0
asynctools_pool_workers{pool="store"} 0
"#;

/// One test, since the recorder is that of the process.
#[test]
fn prometheus_reads_what_happened() {
    watched(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let prometheus = recorder.handle();
        metrics::set_global_recorder(recorder).expect("nobody else sets one");
        assert_eq!(load(1).get(), Ok(1));
        assert_eq!(load(0).get(), Err("nothing".to_owned()));
        assert!(load(7).outcome().is_err());
        assert_eq!(save(load(2)).get(), Ok(2));
        let (promise, value) = AsyncValue::<Result<u32, String>>::promise();
        let passed = save(value);
        promise.set(Err("told".to_owned()));
        assert_eq!(passed.get(), Err("told".to_owned()));
        let (promise, value) = AsyncValue::<Result<u32, String>>::promise();
        let lost = save(value);
        drop(promise);
        assert!(lost.outcome().is_err());
        // The code around the call refuses it: the body does not run.
        let refuse = |_call: &CallInfo| |run: Run<'_>| drop(run);
        let breaker = Pool::builder().workers(1).name("breaker").around(refuse).build().unwrap();
        assert!(breaker.spawn(|| 1).outcome().is_err());
        let text = prometheus.render();
        assert!(text.contains("{function=\"spawn\",pool=\"breaker\",ending=\"rejected\"} 1"), "{text}");
        let counts = "_seconds_count{function=\"spawn\",pool=\"breaker\"} ";
        assert!(text.matches(counts).count() == 3 && text.matches(&format!("{counts}0\n")).count() == 3, "{text}");
        drop(breaker);
        // A call that waits for a worker, and for no argument.
        let held = Pool::named("held", 0);
        let (call, start) = (held.spawn(|| 1), Instant::now());
        while start.elapsed() < Duration::from_millis(5) {
            std::thread::yield_now();
        }
        held.set_workers(1);
        assert_eq!(call.get(), 1);
        let text = prometheus.render();
        let sum_of = |what: &str| -> f64 {
            let series = format!("asynctools_call_{what}_seconds_sum{{function=\"spawn\",pool=\"held\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&series)).expect("there is a sum").parse().unwrap()
        };
        assert!(sum_of("arguments") <= 0.0 && sum_of("queue") >= 0.005, "{text}");
        drop(held);
        STORE.set_workers(0);
        assert!(load(3).cancel());
        STORE.wait_idle();
        // Two pools of one name count together, and a pool that is gone counts 0.
        let twins = [Pool::named("twin", 2), Pool::named("twin", 3)];
        let queued: Vec<_> = twins.iter().map(|twin| twin.spawn(|| 1)).collect();
        assert!(queued.into_iter().all(|call| call.get() == 1));
        assert_eq!(asynctools::parallel(|| 1).get(), 1);
        record_pools();
        let text = prometheus.render();
        assert!(text.contains("asynctools_pool_workers{pool=\"twin\"} 5"));
        assert!(text.to_lowercase().contains("asynctools_pool_workers{pool=\"parallel\"} inf"), "{text}");
        drop(twins);
        record_pools();
        let text = prometheus.render();
        assert!(text.contains("asynctools_pool_workers{pool=\"twin\"} 0"), "{text}");
        // The threads of the pool leave soon.
        while !prometheus.render().contains("asynctools_pool_idle{pool=\"store\"} 0")
            || !prometheus.render().contains("asynctools_pool_spares{pool=\"store\"} 0")
        {
            std::thread::yield_now();
            record_pools();
        }
        let text = prometheus.render();
        let mut seen: Vec<_> = without_times(&text)
            .into_iter()
            .filter(|line| !["twin", "breaker", "held", "parallel"].iter().any(|name| line.contains(name)))
            .collect();
        seen.retain(|line| !line.contains("pool=\"asynctools\""));
        seen.sort_unstable();
        let expected: Vec<_> = METRICS.lines().chain(EXPECTED.trim().lines()).collect();
        assert_eq!(seen, expected, "{text}");
        let sum = text.lines().find_map(|line| {
            line.strip_prefix("asynctools_call_run_seconds_sum{function=\"meters::load\",pool=\"store\"} ")
        });
        let sum: f64 = sum.expect("there is a sum").parse().unwrap();
        assert!((0.0..60.0).contains(&sum), "{sum} in seconds");
    });
}

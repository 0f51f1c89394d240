//! A function that was called before a recorder was there stays mute; other functions do not.

use asynctools::Pool;
use asynctools::pooled;
use metrics_exporter_prometheus::PrometheusBuilder;
use seam_tests::watched;

static POOL: Pool = Pool::named("mute", 1);

#[pooled(pool = POOL)]
fn early() -> u32 {
    1
}

#[pooled(pool = POOL)]
fn late() -> u32 {
    2
}

#[test]
fn a_function_of_no_recorder_stays_mute() {
    watched(|| {
        assert_eq!(early().get(), 1);
        let recorder = PrometheusBuilder::new().build_recorder();
        let prometheus = recorder.handle();
        metrics::set_global_recorder(recorder).expect("nobody else sets one");
        assert_eq!((early().get(), late().get()), (1, 2));
        let text = prometheus.render();
        assert!(text.contains("function=\"mute::late\""), "{text}");
        assert!(!text.contains("early"), "{text}");
    });
}

//! One `spawn`, its run and its `get`, again and again on one thread: for callgrind, which counts the instructions. The script
//! `run` beside this crate starts this program, with the number of calls and the name of what watches the calls.

use std::env;
use std::hint::black_box;

use asynctools::OnFull;
use asynctools::Pool;
use asynctools::PoolBuilder;

/// A recorder that does nothing, with handles that do nothing.
#[cfg(feature = "metrics")]
mod silent {
    use std::sync::Arc;

    use metrics::Counter;
    use metrics::CounterFn;
    use metrics::Gauge;
    use metrics::Histogram;
    use metrics::HistogramFn;
    use metrics::Key;
    use metrics::KeyName;
    use metrics::Metadata;
    use metrics::Recorder;
    use metrics::SharedString;
    use metrics::Unit;

    pub(crate) struct Silent;

    impl CounterFn for Silent {
        fn increment(&self, _value: u64) {}

        fn absolute(&self, _value: u64) {}
    }

    impl HistogramFn for Silent {
        fn record(&self, _value: f64) {}
    }

    impl Recorder for Silent {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::new(Self))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(Arc::new(Self))
        }
    }
}

/// Has the calls watched, in the way of that name.
fn watched(by: &str, builder: PoolBuilder) -> PoolBuilder {
    match by {
        "nobody" => builder,
        #[cfg(feature = "hooks")]
        "around" => builder.around(|_| |run| run.run()),
        #[cfg(feature = "tracing")]
        "filtered" => {
            use tracing_subscriber::layer::SubscriberExt as _;
            let wants_warnings = tracing_subscriber::filter::LevelFilter::WARN;
            let registry = tracing_subscriber::registry().with(wants_warnings);
            tracing::subscriber::set_global_default(registry).expect("nobody else sets one");
            builder
        }
        #[cfg(feature = "tracing")]
        "registry" => {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).expect("nobody else sets one");
            builder
        }
        #[cfg(feature = "trace")]
        "recording" => {
            std::mem::forget(asynctools::trace::Recording::start().expect("nobody else records"));
            builder
        }
        #[cfg(feature = "metrics")]
        "metrics" => {
            metrics::set_global_recorder(silent::Silent).expect("nobody else sets one");
            builder
        }
        _ => panic!("`{by}` watches nothing in this build"),
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let calls: u64 = arguments.next().and_then(|calls| calls.parse().ok()).expect("the number of calls");
    let by = arguments.next().expect("what watches");
    let builder = watched(&by, Pool::builder().workers(0).queue(1).on_full(OnFull::RunHere));
    let pool = builder.build().expect("it has a queue");
    // Fills the queue: the caller runs every further call itself.
    let parked = pool.spawn(|| 0);
    let sum: u64 = (0..calls).map(|n| black_box(pool.spawn(move || n)).get()).sum();
    assert_eq!(sum, calls * (calls - 1) / 2);
    assert!(parked.cancel());
}

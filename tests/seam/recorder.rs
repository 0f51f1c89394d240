//! A recorder that panics, and calls annotated functions itself: no ending is changed, and nothing hangs. It also hears of units.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::Pool;
use asynctools::TaskError;
use asynctools::metrics::record_pools;
use asynctools::pooled;
use metrics::Counter;
use metrics::CounterFn;
use metrics::Gauge;
use metrics::GaugeFn;
use metrics::Histogram;
use metrics::HistogramFn;
use metrics::Key;
use metrics::KeyName;
use metrics::Metadata;
use metrics::Recorder;
use metrics::SharedString;
use metrics::Unit;
use seam_tests::watched;

#[pooled]
fn helper(n: usize) -> usize {
    n + 1
}

/// How often a handle of the recorder was called, and how often a handle was asked for.
static TOLD: AtomicUsize = AtomicUsize::new(0);
static ASKED: AtomicUsize = AtomicUsize::new(0);
static DESCRIBED: Mutex<Vec<(String, Option<Unit>, String)>> = Mutex::new(Vec::new());

/// Calls an annotated function, waits for it, and panics at each `nth` time.
fn misbehave(count: &AtomicUsize, nth: usize) {
    let n = count.fetch_add(1, Ordering::SeqCst);
    assert_eq!(helper(n).get(), n + 1);
    assert!(!n.is_multiple_of(nth), "a recorder panics");
}

struct Hostile;

impl CounterFn for Hostile {
    fn increment(&self, _value: u64) {
        misbehave(&TOLD, 2);
    }

    fn absolute(&self, _value: u64) {}
}

impl GaugeFn for Hostile {
    fn increment(&self, _value: f64) {}

    fn decrement(&self, _value: f64) {}

    fn set(&self, _value: f64) {
        misbehave(&TOLD, 2);
    }
}

impl HistogramFn for Hostile {
    fn record(&self, _value: f64) {
        misbehave(&TOLD, 2);
    }
}

fn describe(name: &KeyName, unit: Option<Unit>, description: &SharedString) {
    DESCRIBED.lock().unwrap().push((name.as_str().to_owned(), unit, description.to_string()));
}

/// Not of size 0: nothing in it is asked for.
struct Asked(#[expect(dead_code, reason = "a size")] u8);

impl Recorder for Asked {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        describe(&name, unit, &description);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        describe(&name, unit, &description);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        describe(&name, unit, &description);
    }

    // The eleven handles of a function come in the second attempt.
    fn register_counter(&self, _key: &Key, _metadata: &Metadata<'_>) -> Counter {
        misbehave(&ASKED, 12);
        Counter::from_arc(Arc::new(Hostile))
    }

    fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Hostile))
    }

    fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        misbehave(&ASKED, 12);
        Histogram::from_arc(Arc::new(Hostile))
    }
}

#[pooled(workers = 1)]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[pooled(workers = 1)]
fn fails() -> Result<u32, String> {
    Err("no".to_owned())
}

/// One test, since the recorder is that of the process.
#[test]
fn endings_stay_as_they_are() {
    watched(|| {
        assert!(metrics::set_global_recorder(Asked(0)).is_ok(), "nobody else sets one");
        let pool = Pool::named("hostile", 1);
        for n in 0..20 {
            assert_eq!(add(add(n, 1), add(n, 2)).get(), 2 * n + 3);
            pool.set_workers(1);
            assert_eq!(pool.spawn(move || n).map(|n| n + 1).get(), n + 1);
            let error = pool.spawn(|| panic!("the call's own")).outcome().unwrap_err();
            assert!(error.to_string().ends_with("panicked: the call's own"), "{error}");
            assert_eq!(fails().get(), Err("no".to_owned()));
            pool.wait_idle();
            pool.set_workers(0);
            let queued = [pool.spawn(|| ()), pool.spawn(|| ())];
            assert_eq!(pool.cancel_queued(), 2);
            for call in queued {
                assert!(matches!(call.outcome(), Err(TaskError::Cancelled)));
            }
            record_pools();
        }
        assert_eq!((pool.stats().finished, pool.stats().panicked), (60, 20));
        // Four functions, the handles of each at the second attempt.
        assert_eq!(ASKED.load(Ordering::SeqCst), 4 * 12);
        assert!(TOLD.load(Ordering::SeqCst) > 100);
        let described = DESCRIBED.lock().unwrap();
        let unit = |name: &str| described.iter().find(|(described, ..)| described == name).unwrap().1;
        assert_eq!(unit("asynctools_calls_total"), Some(Unit::Count));
        for wait in ["arguments", "queue", "run"] {
            assert_eq!(unit(&format!("asynctools_call_{wait}_seconds")), Some(Unit::Seconds));
        }
        for number in ["workers", "running", "blocked", "queued", "idle", "spares"] {
            assert_eq!(unit(&format!("asynctools_pool_{number}")), Some(Unit::Count));
        }
        assert!(described.iter().all(|(.., description)| description.ends_with('.')));
    });
}

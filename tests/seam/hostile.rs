//! A subscriber that panics, and calls annotated functions itself: no ending is changed, and nothing hangs.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::Pool;
use asynctools::TaskError;
use asynctools::pooled;
use seam_tests::watched;
use tracing::Event;
use tracing::Id;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::span::Attributes;
use tracing::span::Record;

#[pooled]
fn helper(n: usize) -> usize {
    n + 1
}

/// How often the subscriber was called.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// Calls an annotated function, waits for it, and panics every other time.
fn misbehave() {
    let n = CALLS.fetch_add(1, Ordering::SeqCst);
    assert_eq!(helper(n).get(), n + 1);
    assert!(n.is_multiple_of(2), "a subscriber panics");
}

struct Hostile(AtomicU64);

impl Subscriber for Hostile {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("asynctools") || metadata.target() == module_path!()
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        misbehave();
        Id::from_u64(self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {
        misbehave();
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {
        misbehave();
    }

    fn event(&self, _event: &Event<'_>) {
        misbehave();
    }

    fn enter(&self, _span: &Id) {
        misbehave();
    }

    fn exit(&self, _span: &Id) {
        misbehave();
    }

    fn try_close(&self, _span: Id) -> bool {
        misbehave();
        true
    }
}

#[pooled(workers = 2)]
fn add(a: u32, b: u32) -> u32 {
    a + b
}

#[pooled(workers = 2)]
fn fails() -> Result<u32, String> {
    Err("no".to_owned())
}

#[test]
fn endings_stay_as_they_are() {
    watched(|| {
        tracing::subscriber::set_global_default(Hostile(AtomicU64::new(1))).unwrap();
        for n in 0..20 {
            assert_eq!(add(add(n, 1), add(n, 2)).get(), 2 * n + 3);
            let pool = Pool::new(1);
            assert_eq!(pool.spawn(move || n).map(|n| n + 1).get(), n + 1);
            let error = pool.spawn(|| panic!("the call's own")).outcome().unwrap_err();
            assert!(error.to_string().ends_with("panicked: the call's own"), "{error}");
            assert_eq!((pool.stats().panicked, pool.stats().finished), (1, 3));
            fails().detach();
            drop(fails());
            pool.set_workers(0);
            let queued = [pool.spawn(|| ()), pool.spawn(|| ())];
            assert_eq!(pool.cancel_queued(), 2);
            for call in queued {
                assert!(matches!(call.outcome(), Err(TaskError::Cancelled)));
            }
            pool.close();
        }
        assert!(CALLS.load(Ordering::SeqCst) > 400);
    });
}

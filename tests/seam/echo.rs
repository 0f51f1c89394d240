//! A subscriber that calls annotated functions hears of none of the calls that come of that: no echo goes on without end.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use asynctools::Pool;
use asynctools::parallel;
use asynctools::pooled;
use seam_tests::watched;
use tracing::Event;
use tracing::Id;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::span::Attributes;
use tracing::span::Record;

/// How often the subscriber has heard of something. After so many times it calls nothing any more, so that the test ends.
static HEARD: AtomicUsize = AtomicUsize::new(0);
const MANY: usize = 200;
static HEARS_OF_LOSSES_ONLY: AtomicBool = AtomicBool::new(false);

#[pooled(workers = 2)]
fn inner(n: usize) -> usize {
    n
}

#[parallel]
fn nested(n: usize) -> usize {
    inner(n).get()
}

#[pooled(workers = 2)]
fn unlucky(n: usize) -> usize {
    assert!(n > 1_000_000, "no luck");
    n
}

#[pooled(workers = 2)]
fn fails() -> Result<(), String> {
    Err("no".to_owned())
}

/// What the subscriber does with all it hears of.
static DOES: Mutex<fn()> = Mutex::new(|| ());

fn hear() {
    if HEARD.fetch_add(1, Ordering::SeqCst) < MANY {
        let does = *DOES.lock().unwrap();
        does();
    }
}

struct Echo(AtomicU64);

impl Subscriber for Echo {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("asynctools") || metadata.target() == module_path!()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if HEARS_OF_LOSSES_ONLY.load(Ordering::SeqCst) { LevelFilter::WARN } else { LevelFilter::INFO })
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        hear();
        Id::from_u64(self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {
        hear();
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn the_calls_of_a_subscriber_have_no_echo() {
    watched(|| {
        tracing::subscriber::set_global_default(Echo(AtomicU64::new(1))).unwrap();
        let cases: [(&str, fn()); 4] = [
            ("nested", || assert_eq!(nested(1).get(), 1)),
            ("unlucky", || assert!(unlucky(1).outcome().is_err())),
            ("needs an unlucky one", || assert!(nested(unlucky(1)).outcome().is_err())),
            ("fails", || fails().detach()),
        ];
        for (name, does) in cases {
            *DOES.lock().unwrap() = does;
            for hears_of_losses_only in [false, true] {
                HEARS_OF_LOSSES_ONLY.store(hears_of_losses_only, Ordering::SeqCst);
                tracing::callsite::rebuild_interest_cache();
                HEARD.store(0, Ordering::SeqCst);
                assert!(Pool::new(0).spawn(|| 1).cancel());
                asynctools::wait_idle();
                // The span, and the loss.
                let heard = if hears_of_losses_only { 1 } else { 2 };
                assert_eq!(HEARD.load(Ordering::SeqCst), heard, "{name}, {hears_of_losses_only}");
            }
        }
    });
}

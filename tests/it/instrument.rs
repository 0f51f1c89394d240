//! Attributes that look at the function below them: `#[tracing::instrument]`, `#[track_caller]`.

use std::panic::Location;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use asynctools::parallel;
use asynctools::pooled;
use tracing::Event;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::instrument;
use tracing::span;

/// Notes the names of spans.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<&'static str>>>, Arc<AtomicU64>);

impl Subscriber for Names {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span()
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.0.lock().unwrap().push(span.metadata().name());
        span::Id::from_u64(self.1.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[parallel]
#[instrument]
fn bare(n: u8) -> u8 {
    n
}

#[pooled]
#[tracing::instrument(skip(n))]
fn with_options(n: u8) -> u8 {
    n
}

#[pooled(sync = by_name_now)]
#[instrument(level = "debug", name = "of its own", skip_all)]
fn by_name(n: u8) -> u8 {
    n
}

#[pooled]
#[cfg_attr(test, instrument("first", skip_all))]
fn by_literal(n: u8) -> u8 {
    n
}

#[pooled]
#[cfg_attr(test, instrument)]
fn conditional(n: u8) -> u8 {
    n
}

#[derive(Clone, Debug)]
struct Client;

impl Client {
    #[pooled]
    #[instrument(skip_all)]
    fn method(&self) -> u8 {
        1
    }

    #[pooled(sync = kept_now)]
    #[deprecated]
    #[instrument]
    fn kept(&self) -> u8
    where
        Self: Sized,
    {
        2
    }
}

#[test]
fn a_span_is_named_after_the_function() {
    let names = Names::default();
    tracing::subscriber::set_global_default(names.clone()).unwrap();
    let taken = || std::mem::take(&mut *names.0.lock().unwrap());
    assert_eq!((bare(1).get(), taken()), (1, vec!["bare"]));
    assert_eq!((with_options(1).get(), taken()), (1, vec!["with_options"]));
    assert_eq!((by_name(1).get(), taken()), (1, vec!["of its own"]));
    assert_eq!((by_name_now(1), taken()), (1, vec!["of its own"]));
    assert_eq!((by_literal(1).get(), taken()), (1, vec!["first"]));
    assert_eq!((conditional(1).get(), taken()), (1, vec!["conditional"]));
    assert_eq!((Client.method().get(), taken()), (1, vec!["method"]));
    #[expect(deprecated, reason = "both names are")]
    let calls = (Client.kept().get(), Client.kept_now());
    assert_eq!((calls, taken()), ((2, 2), vec!["kept", "kept"]));
}

#[track_caller]
#[parallel(sync = tracked_now)]
fn tracked() -> u32 {
    Location::caller().line()
}

/// No caller is on the stack of a call, so the body sees the line of the attribute. The original is a plain function.
#[test]
fn a_tracked_body_sees_the_line_of_its_attribute() {
    let line = include_str!("instrument.rs").lines().position(|line| line == "#[parallel(sync = tracked_now)]");
    assert_eq!(tracked().get() as usize, line.unwrap() + 1);
    assert_eq!(tracked_now(), line!());
}

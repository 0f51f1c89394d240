//! Calls as spans of `tracing`, and events for lost calls.

use std::fmt;
use std::time::Duration;

use tracing::Level;
use tracing::Span;
use tracing::dispatcher;
use tracing::field::Value;
use tracing::field::debug;
use tracing::level_filters::LevelFilter;
use tracing::span::Id;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::span_site::Description;
use crate::span_site::Wish;
use crate::tag::around::Home;
use crate::tag::around::Moments;
use crate::tag::client;

/// Whether a subscriber may want the spans of calls. A filtered level costs this load.
#[inline]
pub(crate) fn is_watching() -> bool {
    Level::INFO <= LevelFilter::current()
}

/// Whether a subscriber may want to hear of lost calls.
#[inline]
pub(crate) fn hears_of_losses() -> bool {
    Level::WARN <= LevelFilter::current()
}

/// Opens the span of a call, at the call: the current span of the thread is the parent.
pub(crate) fn open(site: CallSite, home: &Home) -> Option<Span> {
    client::tell(|| {
        let (description, wish) = site.callee().spans_wanted()?;
        let Description { metadata, known: [for_pool, for_file, for_line], .. } = description;
        if wish == Wish::Sometimes && !dispatcher::get_default(|subscriber| subscriber.enabled(metadata)) {
            return None;
        }
        let (pool, file, line) = (home.name(), site.file(), site.line());
        let values: [(_, Option<&dyn Value>); 3] =
            [(for_pool, Some(&pool)), (for_file, Some(&file)), (for_line, Some(&line))];
        let span = Span::new(metadata, &metadata.fields().value_set(&values));
        (!span.is_disabled()).then_some(span)
    })
    .flatten()
}

/// Says that the call of `span` takes the results of the calls of `sources`.
pub(crate) fn follow(span: &Span, sources: impl Iterator<Item = Id>) {
    for source in sources {
        client::tell(|| {
            span.follows_from(source);
        });
    }
}

/// A wait of a call, which is measured only if a subscriber looks.
struct Waited<'a>(&'a Moments, fn(&Moments) -> Duration);

impl fmt::Debug for Waited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.1)(self.0).fmt(f)
    }
}

/// Records how long the call at `site` has waited, and enters the span, at the start of the call.
pub(crate) fn enter(span: &Span, site: CallSite, moments: &Moments) {
    client::tell(|| {
        if let Some(Description { metadata, waits: [arguments, worker], .. }) = site.callee().spans() {
            let for_arguments = debug(Waited(moments, Moments::waited_for_arguments));
            let for_worker = debug(Waited(moments, Moments::waited_for_worker));
            let values: [(_, Option<&dyn Value>); 2] = [(arguments, Some(&for_arguments)), (worker, Some(&for_worker))];
            span.record_all(&metadata.fields().value_set(&values));
        }
        span.with_subscriber(|(id, subscriber)| subscriber.enter(id));
    });
}

/// Leaves the span if the call `has_begun`, tells of the loss of the call, and closes the span.
pub(crate) fn finish(mut open: Option<Span>, has_begun: bool, site: CallSite, error: Option<&TaskError>) {
    if has_begun && open.is_some() {
        client::tell(|| {
            if let Some(span) = &open {
                span.with_subscriber(|(id, subscriber)| subscriber.exit(id));
            }
            if error.is_none() {
                drop(open.take());
            }
        });
    }
    if let Some(error) = error {
        tell_of_loss(site, open.as_ref(), error);
    }
    // Also if the subscriber has panicked.
    if open.is_some() {
        client::tell(|| drop(open.take()));
    }
}

/// Tells of a call that panicked or was lost: with the whole path of the loss.
pub(crate) fn tell_of_loss(site: CallSite, span: Option<&Span>, error: &TaskError) {
    if !hears_of_losses() {
        return;
    }
    let text = error.with_site(site);
    client::tell(|| {
        // The subscriber that knows the span, which need not be that of this thread.
        let told = span.and_then(|span| {
            span.with_subscriber(|(id, subscriber)| {
                dispatcher::with_default(subscriber, || {
                    tracing::warn!(target: "asynctools", parent: id.clone(), "{text}");
                });
            })
        });
        if told.is_none() {
            tracing::warn!(target: "asynctools", "{text}");
        }
    });
}

/// Tells at its drop of the error of a call, which nobody took.
pub(crate) struct Untaken(CallSite);

impl Untaken {
    pub(crate) fn new(site: CallSite) -> Self {
        Self(site)
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        if !hears_of_losses() {
            return;
        }
        let site = self.0;
        client::tell(|| tracing::warn!(target: "asynctools", "{site}: ended with an error that nobody took"));
    }
}

/// Whether a subscriber may want to hear of spare threads.
#[inline]
pub(crate) fn is_debugging() -> bool {
    Level::DEBUG <= LevelFilter::current()
}

/// Tells of a spare thread of `pool` that has started, or stops.
pub(crate) fn tell_of_spare(pool: &str, starts: bool) {
    client::tell(|| {
        let what = if starts { "a spare thread has started" } else { "a spare thread stops" };
        tracing::debug!(target: "asynctools", pool, "{what}");
    });
}

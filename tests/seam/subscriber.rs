//! A subscriber that records spans and events.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;

use tracing::Event;
use tracing::Id;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::span::Attributes;
use tracing::span::Record;
use tracing::subscriber::Interest;

/// A span, as the subscriber was told of it.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) parent: Option<u64>,
    pub(crate) follows: Vec<u64>,
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) entered: usize,
    pub(crate) left: usize,
    pub(crate) owners: usize,
    pub(crate) closed: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) parent: Option<u64>,
    pub(crate) text: String,
}

#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    events: Vec<Told>,
    /// Functions by target and name, as often as they were registered.
    registered: Vec<(&'static str, &'static str)>,
}

#[derive(Clone, Default)]
pub(crate) struct Records(Arc<Mutex<Seen>>);

thread_local!(static STACK: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) });

/// Collects fields as text.
struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

pub(crate) fn current() -> Option<u64> {
    STACK.with_borrow(|stack| stack.last().copied())
}

impl Records {
    /// Returns the span with that number.
    pub(crate) fn span(&self, id: u64) -> Span {
        self.with(&Id::from_u64(id), |span| span.clone())
    }

    pub(crate) fn events(&self, level: Level, part: &str) -> Vec<Told> {
        let events = self.0.lock().unwrap().events.clone();
        events.into_iter().filter(|event| event.level == level && event.text.contains(part)).collect()
    }

    fn with<R>(&self, id: &Id, f: impl FnOnce(&mut Span) -> R) -> R {
        let place = usize::try_from(id.into_u64() - 1).unwrap();
        f(&mut self.0.lock().unwrap().spans[place])
    }
}

impl Subscriber for Records {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.lock().unwrap().registered.push((metadata.target(), metadata.name()));
        Interest::always()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        let parent = if span.is_contextual() { current() } else { span.parent().map(Id::into_u64) };
        let metadata = span.metadata();
        let mut seen = self.0.lock().unwrap();
        seen.spans.push(Span {
            name: metadata.name(),
            target: metadata.target(),
            level: *metadata.level(),
            parent,
            follows: Vec::new(),
            fields,
            entered: 0,
            left: 0,
            owners: 1,
            closed: 0,
        });
        Id::from_u64(seen.spans.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.with(id, |span| values.record(&mut Fields(&mut span.fields)));
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.with(id, |span| span.follows.push(follows.into_u64()));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let parent = if event.is_contextual() { current() } else { event.parent().map(Id::into_u64) };
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let text = format!(
            "{} {}",
            fields.remove("message").unwrap_or_default(),
            fields.get("pool").cloned().unwrap_or_default()
        );
        self.0.lock().unwrap().events.push(Told { level, target, parent, text: text.trim_end().to_owned() });
    }

    fn enter(&self, id: &Id) {
        STACK.with_borrow_mut(|stack| stack.push(id.into_u64()));
        self.with(id, |span| span.entered += 1);
    }

    fn exit(&self, id: &Id) {
        assert_eq!(STACK.with_borrow_mut(Vec::pop), Some(id.into_u64()), "spans nest");
        self.with(id, |span| span.left += 1);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.with(id, |span| span.owners += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.with(&id, |span| {
            span.owners -= 1;
            span.closed += usize::from(span.owners == 0);
            span.owners == 0
        })
    }
}

pub(crate) fn records() -> &'static Records {
    static RECORDS: OnceLock<Records> = OnceLock::new();
    RECORDS.get_or_init(|| {
        let records = Records::default();
        tracing::subscriber::set_global_default(records.clone()).expect("nobody else sets one");
        records
    })
}

/// The spans of calls of the pool of that name, with their ids.
pub(crate) fn calls(pool: &str) -> Vec<(u64, Span)> {
    let spans = records().0.lock().unwrap().spans.clone();
    let numbered = spans.into_iter().zip(1..).map(|(span, id)| (id, span));
    numbered.filter(|(_, span)| span.fields.get("pool").is_some_and(|name| name == pool)).collect()
}

pub(crate) fn events(level: Level, part: &str) -> Vec<Told> {
    records().events(level, part)
}

/// How often the function of that name was registered.
pub(crate) fn registered(target: &str, name: &str) -> usize {
    records().0.lock().unwrap().registered.iter().filter(|site| **site == (target, name)).count()
}

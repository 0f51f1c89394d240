//! The callsite of a function: what a subscriber of `tracing` knows of all calls of the function.

use std::panic::RefUnwindSafe;
use std::panic::UnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;

use tracing::Level;
use tracing::Metadata;
use tracing::callsite;
use tracing::callsite::Callsite;
use tracing::callsite::Identifier;
use tracing::field::Field;
use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;

/// The fields of a call's span: those that are known at the call, and the waits.
const FIELDS: &[&str] = &["pool", "code.file", "code.line", "wait.arguments", "wait.worker"];

const UNREGISTERED: u8 = 0;
/// The subscriber has to be asked for each call; also while a thread registers the function.
const SOMETIMES: u8 = 1;
const NEVER: u8 = 2;
const ALWAYS: u8 = 3;

/// The callsite of a function, which is a part of the function's `static`.
#[derive(Debug)]
pub(crate) struct SpanSite {
    description: OnceLock<Description>,
    interest: AtomicU8,
}

/// The description of a function's spans, and the fields, which a call would look for otherwise.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) metadata: Metadata<'static>,
    pub(crate) known: [Field; 3],
    pub(crate) waits: [Field; 2],
}

impl Description {
    fn new(metadata: Metadata<'static>) -> Self {
        let mut fields = metadata.fields().iter();
        let mut next = || fields.next().unwrap_or_else(|| unreachable!("a call has five fields"));
        let (known, waits) = ([next(), next(), next()], [next(), next()]);
        Self { metadata, known, waits }
    }
}

/// A panic of a subscriber leaves a site registered or not, and both are right.
impl UnwindSafe for SpanSite {}
impl RefUnwindSafe for SpanSite {}

/// Whether a subscriber wants the spans of a function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Always,
    /// The subscriber says so for each span.
    Sometimes,
}

impl SpanSite {
    pub(crate) const fn new() -> Self {
        Self { description: OnceLock::new(), interest: AtomicU8::new(UNREGISTERED) }
    }

    /// Returns the description of the function's spans, and whether a subscriber wants a span; `None` if no subscriber does.
    /// The first call registers the function, which runs the code of subscribers, under no lock.
    pub(crate) fn wanted(
        &'static self,
        name: &'static str,
        target: &'static str,
        at: Option<(&'static str, u32)>,
    ) -> Option<(&'static Description, Wish)> {
        let description = self.description.get_or_init(|| {
            let fields = FieldSet::new(FIELDS, Identifier(self));
            let (file, line) = (at.map(|(file, _)| file), at.map(|(_, line)| line));
            Description::new(Metadata::new(name, target, Level::INFO, file, line, Some(target), fields, Kind::SPAN))
        });
        let mut interest = self.interest.load(Ordering::Acquire);
        if interest == UNREGISTERED {
            interest = self.register();
        }
        match interest {
            NEVER => None,
            ALWAYS => Some((description, Wish::Always)),
            _ => Some((description, Wish::Sometimes)),
        }
    }

    #[cold]
    fn register(&'static self) -> u8 {
        let first = self.interest.compare_exchange(UNREGISTERED, SOMETIMES, Ordering::AcqRel, Ordering::Acquire);
        match first {
            Ok(_) => {
                callsite::register(self);
                self.interest.load(Ordering::Acquire)
            }
            Err(interest) => interest,
        }
    }

    /// Returns the description of the function's spans; `None` before the first call.
    pub(crate) fn description(&self) -> Option<&Description> {
        self.description.get()
    }
}

impl Callsite for SpanSite {
    fn set_interest(&self, interest: Interest) {
        let interest = if interest.is_never() {
            NEVER
        } else if interest.is_always() {
            ALWAYS
        } else {
            SOMETIMES
        };
        self.interest.store(interest, Ordering::Release);
    }

    fn metadata(&self) -> &Metadata<'_> {
        let Some(description) = self.description() else {
            unreachable!("a function is described before it is registered")
        };
        &description.metadata
    }
}

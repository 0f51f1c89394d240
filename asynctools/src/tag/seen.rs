//! The tag of a call that somebody watches.

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::error::caught;
#[cfg(feature = "metrics")]
use crate::meter_site::Meters;
use crate::sync::Instant;
use crate::tag::Dropped;
use crate::tag::around::CallInfo;
use crate::tag::around::Home;
use crate::tag::around::Inner;
use crate::tag::around::Moments;
use crate::tag::around::everywhere;
use crate::tag::client;
#[cfg(any(feature = "metrics", feature = "trace"))]
use crate::tag::ending::Ending;
use crate::tag::inside::run_around;
#[cfg(feature = "metrics")]
use crate::tag::meters;
#[cfg(feature = "trace")]
use crate::tag::record;
#[cfg(feature = "tracing")]
use crate::tag::spans;

// Implementation
//
// A tag is made on the caller's thread, and lies in the call, under its lock, until the call runs or is lost. The thread that takes
// the work out takes the living part of the tag out too, and ends that part before the end of the call can be seen: a span
// would stay open as long as the handle otherwise. The ids of the call stay behind, for dependants. A tag runs code of the
// program, so none of it runs under a lock. A panic of the inner or outer code of `around` ends the call; a panic of another
// watcher ends in `client::tell`.
//
// A watched call pays one allocation, which the call frees with itself, and one move of the living part to the stack of the thread
// that runs the call. A call that nobody watches pays one look: `run` takes the living part by itself, after the work, in code
// that only watched calls come to. The call is then the thread's own, and nobody else takes anything out.

/// The numbers by which watchers know a call.
#[derive(Clone, Default)]
pub(crate) struct Ids {
    #[cfg(feature = "tracing")]
    span: Option<tracing::Id>,
    /// 0: not recorded.
    #[cfg(feature = "trace")]
    pub(crate) number: u64,
}

/// The calls whose results a call takes.
pub(crate) type Sources = Vec<Ids>;

/// How many sources a call passes on that runs no user code: a `zip` of a `zip` of .. has all of theirs.
const MOST_PASSED: usize = 100;

/// The tag of one call: `None` if nobody watches.
pub(crate) struct Tag(Option<Box<Seen>>);

enum Seen {
    /// The living part is there until the work is taken out.
    Call(Ids, Option<Live>),
    /// A call that runs no user code: the calls whose results it takes stand for it.
    Passing(Sources),
    /// A call that the code of a watcher has made: nobody hears of the call, nor of the calls that its body makes.
    Silent,
}

/// The living part of the tag of a call.
pub(crate) struct Live {
    info: CallInfo,
    moments: Moments,
    /// The code around the calls of all pools: outside of the code of the call's own pool.
    outside: Option<Inner>,
    own: Option<Inner>,
    #[cfg(feature = "tracing")]
    span: Option<tracing::Span>,
    #[cfg(feature = "metrics")]
    meters: Option<&'static Meters>,
    #[cfg(feature = "trace")]
    making: Option<record::Making>,
}

/// The living part of the tag of a call that will not run. Its owner ends that part.
pub(crate) enum Taken {
    Unwatched,
    Silent,
    Live(Box<Live>),
}

/// The tag of a call that nobody watches is dropped in one look.
impl Drop for Tag {
    #[inline]
    fn drop(&mut self) {
        if let Some(seen) = self.0.take() {
            drop_cold(seen);
        }
    }
}

#[cold]
#[inline(never)]
fn drop_cold(seen: Box<Seen>) {
    if matches!(*seen, Seen::Call(_, Some(_))) {
        let _client = client::enter();
        drop(seen);
    }
}

/// Whether somebody may watch the calls of `site`.
#[inline]
#[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "each function has its own meters"))]
fn may_be_watched(site: CallSite) -> bool {
    #[cfg(feature = "tracing")]
    if spans::is_watching() || spans::hears_of_losses() && client::is_here() {
        return true;
    }
    #[cfg(feature = "metrics")]
    if !site.callee().meters().is_mute() {
        return true;
    }
    client::has_any()
}

impl Home {
    /// Tells of a thread of the pool that has started, if the thread is a spare.
    pub(crate) fn thread_started(&self, is_spare: impl FnOnce() -> bool) {
        self.tell_of_thread(true, is_spare);
    }

    /// Tells of a thread of the pool that stops, if the thread is a spare.
    pub(crate) fn thread_stops(&self, is_spare: impl FnOnce() -> bool) {
        self.tell_of_thread(false, is_spare);
    }

    #[cfg(feature = "tracing")]
    fn tell_of_thread(&self, starts: bool, is_spare: impl FnOnce() -> bool) {
        if spans::is_debugging() && is_spare() {
            spans::tell_of_spare(self.name(), starts);
        }
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "with `tracing`, the pool has a name")]
    fn tell_of_thread(&self, _starts: bool, _is_spare: impl FnOnce() -> bool) {}
}

/// Whether somebody wants to know whose results a call takes.
#[inline]
pub(crate) fn wants_sources() -> bool {
    #[cfg(feature = "tracing")]
    if spans::is_watching() {
        return true;
    }
    #[cfg(feature = "trace")]
    if record::is_on() {
        return true;
    }
    false
}

impl Tag {
    pub(crate) const NONE: Self = Self(None);

    /// Makes the tag of a call, at the call. Runs the outer code of `around`. `sources` finds the calls whose results the call
    /// takes; the call `is_complete` if it takes values only.
    #[inline]
    pub(crate) fn new(site: CallSite, home: &Home, is_complete: bool, sources: &dyn Fn(&mut Sources)) -> Self {
        if may_be_watched(site) { Self::seen(site, home, is_complete, sources) } else { Self::NONE }
    }

    #[cold]
    #[inline(never)]
    fn seen(site: CallSite, home: &Home, is_complete: bool, sources: &dyn Fn(&mut Sources)) -> Self {
        if client::is_here() {
            return Self(Some(Box::new(Seen::Silent)));
        }
        let info = CallInfo { site, home: home.clone() };
        #[cfg(feature = "metrics")]
        let meters = meters::of_call(&info);
        #[cfg(feature = "tracing")]
        let span = if spans::is_watching() { spans::open(&info) } else { None };
        let mut found = Sources::new();
        if wants_sources() {
            sources(&mut found);
        }
        #[cfg(feature = "tracing")]
        if let Some(span) = &span
            && !found.is_empty()
        {
            spans::follow(span, found.iter().filter_map(|ids| ids.span.clone()));
        }
        #[cfg(feature = "trace")]
        let making = record::is_on().then(|| record::Making::begin(numbers(&found)));
        let called = Instant::now();
        let outside = everywhere().and_then(|around| around.begin(&info));
        let own = info.home.around().begin(&info);
        let is_watched = outside.is_some() || own.is_some();
        #[cfg(feature = "tracing")]
        let is_watched = is_watched || span.is_some();
        #[cfg(feature = "metrics")]
        let is_watched = is_watched || meters.is_some();
        #[cfg(feature = "trace")]
        let is_watched = is_watched || making.is_some();
        if !is_watched {
            return Self::NONE;
        }
        let ids = Ids {
            #[cfg(feature = "tracing")]
            span: span.as_ref().and_then(tracing::Span::id),
            #[cfg(feature = "trace")]
            number: making.as_ref().map_or(0, |making| making.id),
        };
        let live = Live {
            info,
            moments: Moments { called, ready: is_complete.then_some(called), started: called },
            outside,
            own,
            #[cfg(feature = "tracing")]
            span,
            #[cfg(feature = "metrics")]
            meters,
            #[cfg(feature = "trace")]
            making,
        };
        Self(Some(Box::new(Seen::Call(ids, Some(live)))))
    }

    /// Makes the tag of a call that runs no user code: the calls that `sources` finds stand for the call.
    pub(crate) fn passing(sources: &dyn Fn(&mut Sources)) -> Self {
        if !wants_sources() {
            return Self::NONE;
        }
        let mut passed = Sources::new();
        sources(&mut passed);
        passed.truncate(MOST_PASSED);
        if passed.is_empty() { Self::NONE } else { Self(Some(Box::new(Seen::Passing(passed)))) }
    }

    /// Whether somebody watches the call, whose work was not taken yet.
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Takes the living part, for the one who has taken the work of the call.
    #[inline]
    pub(crate) fn take_live(&mut self) -> Option<Live> {
        match self.0.as_deref_mut() {
            Some(Seen::Call(_, live)) => live.take(),
            _ => None,
        }
    }

    /// Takes the living part, together with the work of a call that will not run.
    #[inline]
    pub(crate) fn take(&mut self) -> Taken {
        match self.0.as_deref_mut() {
            Some(Seen::Call(_, live)) => live.take().map_or(Taken::Unwatched, |live| Taken::Live(Box::new(live))),
            Some(Seen::Silent) => Taken::Silent,
            Some(Seen::Passing(_)) | None => Taken::Unwatched,
        }
    }

    /// Whether the code of a watcher has made the call.
    #[cfg(feature = "tracing")]
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.0.as_deref(), Some(Seen::Silent))
    }

    /// Notes that the last argument is there, late or at the call. Runs no user code.
    #[inline]
    pub(crate) fn ready(&mut self, is_late: bool) {
        if let Some(Seen::Call(_, Some(live))) = self.0.as_deref_mut() {
            live.moments.ready = Some(if is_late { Instant::now() } else { live.moments.called });
        }
    }

    /// Adds what watchers know the call by, or the calls that stand for the call.
    pub(crate) fn sources(&self, sources: &mut Sources) {
        match self.0.as_deref() {
            Some(Seen::Call(ids, _)) => sources.push(ids.clone()),
            Some(Seen::Passing(passed)) => sources.extend_from_slice(passed),
            Some(Seen::Silent) | None => {}
        }
    }
}

/// Returns the numbers of the recorded ones among `sources`.
#[cfg(feature = "trace")]
#[inline]
fn numbers(sources: &[Ids]) -> Box<[u64]> {
    if sources.is_empty() {
        return Box::default();
    }
    sources.iter().map(|ids| ids.number).filter(|number| *number != 0).collect()
}

impl Taken {
    pub(crate) const NONE: Self = Self::Unwatched;

    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Unwatched)
    }

    /// Ends the tag of a call at `site` that an argument has ended, with or without a value: the body does not run.
    #[inline]
    pub(crate) fn end_unrun<T>(self, site: CallSite, outcome: &Result<T, TaskError>, dropped: &mut Dropped) {
        let error = outcome.as_ref().err();
        match self {
            Self::Unwatched => unwatched_end(site, error),
            Self::Silent => {}
            Self::Live(live) => live.end_unrun(error, dropped),
        }
    }

    /// Ends the tag of a call at `site` that is lost before its start; if not `now`, then when `dropped` is dropped.
    pub(crate) fn lose(self, site: CallSite, error: &TaskError, now: bool, dropped: &mut Dropped) {
        if now {
            return self.end_unrun::<()>(site, &Err(error.clone()), dropped);
        }
        if matches!(self, Self::Live(_)) {
            dropped.push(Box::new(Late(Some((self, site, error.clone())))));
        }
    }
}

/// Ends the tag of a lost call at its drop.
struct Late(Option<(Taken, CallSite, TaskError)>);

impl Drop for Late {
    fn drop(&mut self) {
        if let Some((taken, site, error)) = self.0.take() {
            let mut dropped = Dropped::new();
            taken.end_unrun::<()>(site, &Err(error), &mut dropped);
            crate::panics::discard_all(dropped);
        }
    }
}

/// Tells of the loss, if there is one, of a call that nobody watches.
#[inline]
pub(crate) fn unwatched_end(site: CallSite, error: Option<&TaskError>) {
    #[cfg(feature = "tracing")]
    if let Some(error) = error {
        spans::tell_of_loss(site, None, error);
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (site, error);
}

/// The waits inside of the run of a call.
#[cfg(feature = "trace")]
type Waits = Box<[record::Waited]>;
#[cfg(not(feature = "trace"))]
type Waits = Option<std::convert::Infallible>;

/// How far a call came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    NotBegun,
    /// The code around the body ran, and not the body.
    Begun,
    Ran,
}

impl Live {
    /// Runs the body of the call, inside of the code around the body, and returns the end of the call.
    #[inline]
    pub(crate) fn run<W, R>(
        &mut self,
        work: W,
        dropped: &mut Dropped,
        body: impl FnOnce(W, &mut Dropped) -> R,
    ) -> Result<R, TaskError>
    where
        W: Send + 'static,
        R: Send + 'static,
    {
        // A watcher that waits, or ends a promise, may run this call on its stack.
        let _own = client::leave();
        let site = self.info.site;
        self.moments.started = Instant::now();
        #[cfg(feature = "tracing")]
        if let Some(span) = &self.span {
            spans::enter(span, &self.moments);
        }
        #[cfg(feature = "trace")]
        let entered = self.making.as_ref().map(record::Making::enter);
        let codes = match self.outside.take() {
            Some(outside) => Some((outside, self.own.take())),
            None => self.own.take().map(|own| (own, None)),
        };
        let (outcome, has_run) = match codes {
            None => (caught(site, || body(work, dropped)), true),
            Some(codes) => run_around(site, codes, &self.moments, work, dropped, body),
        };
        #[cfg(feature = "trace")]
        let waits = entered.map(record::Entered::leave).unwrap_or_default();
        #[cfg(not(feature = "trace"))]
        let waits = None;
        self.end(outcome.as_ref().err(), if has_run { Way::Ran } else { Way::Begun }, waits);
        outcome
    }

    /// Ends what watches a call whose body has not run; what is a user's in that is left in `dropped`.
    #[cold]
    fn end_unrun(mut self: Box<Self>, error: Option<&TaskError>, dropped: &mut Dropped) {
        self.end(error, Way::NotBegun, Waits::default());
        dropped.push(Box::new(client::Owned::new(self)));
    }

    /// Ends what watches the call: lost by `error`, or not; at the end of its `way`.
    #[cfg_attr(
        not(any(feature = "tracing", feature = "metrics", feature = "trace")),
        expect(clippy::unused_self, reason = "nobody else asks")
    )]
    fn end(&mut self, error: Option<&TaskError>, way: Way, waits: Waits) {
        #[cfg(any(feature = "metrics", feature = "trace"))]
        let (has_run, ending) = (way == Way::Ran, Ending::of(error, way == Way::Ran));
        #[cfg(feature = "trace")]
        if let Some(making) = &mut self.making {
            record::add(making, &self.info, &self.moments, has_run, ending, waits);
            self.making = None;
        }
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.meters {
            meters::count(meters, ending, has_run.then_some(&self.moments));
        }
        #[cfg(feature = "tracing")]
        spans::finish(&mut self.span, way != Way::NotBegun, self.info.site, error);
        #[cfg(not(feature = "trace"))]
        let _ = waits;
        let _ = (error, way);
    }
}

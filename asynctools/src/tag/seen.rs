//! The tag of a call that somebody watches.

use std::cell::Cell;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::error::caught;
#[cfg(feature = "metrics")]
use crate::meter_site::Meters;
use crate::sync::Instant;
use crate::sync::thread_local;
use crate::tag::Dropped;
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
// A watched call pays one allocation, whose memory the thread that drops the call keeps for its next call, and one move of the
// living part to the stack of the thread that runs the call. A call that nobody watches pays one look: `run` goes on in code that
// only watched calls come to, under the lock that it has.
//
// An unwatched call on the stack of a recorded call runs as a watched call does, with a living part that tells nobody:
// the recorded call has not made the calls of that call, and is not in its waits.

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
    /// The code around the body: that of all pools, or else that of the call's own pool.
    outer: Option<Inner>,
    /// The code of the call's own pool, if it is inside of that of all pools.
    inner: Option<Inner>,
    called: Instant,
    ready: Option<Instant>,
    watch: Watch,
}

/// The watchers of a call, other than the code around the call.
struct Watch {
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
    if matches!(*seen, Seen::Call(_, None)) {
        let before = SPARE.try_with(|spare| spare.replace(Some(seen)));
        if let Ok(Some(before)) = before {
            drop_content(before);
        }
    } else {
        drop_content(seen);
    }
}

/// Drops a tag with what it has, which may be a user's.
#[cold]
#[inline(never)]
fn drop_content(seen: Box<Seen>) {
    let _client = client::enter();
    drop(seen);
}

thread_local! {
    /// The memory of a tag that ended with its call: the next watched call of the thread needs no allocation.
    static SPARE: Cell<Option<Box<Seen>>> = const { Cell::new(None) };
}

impl Seen {
    /// Puts the content of a tag into the memory of an earlier one, if the thread has kept that.
    #[inline]
    fn boxed(self) -> Box<Self> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut place = spare.unwrap_or_else(|| Box::new(Self::Silent));
        *place = self;
        place
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
        #[cfg(feature = "metrics")]
        let meters = meters::of_call(site, home);
        #[cfg(feature = "tracing")]
        let span = if spans::is_watching() { spans::open(site, home) } else { None };
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
        let making = record::is_on().then(|| record::Making::begin(home, numbers(&found)));
        let called = Instant::now();
        let outside = everywhere().and_then(|around| around.begin_everywhere(site, home));
        let own = home.around().begin(site, home);
        let (outer, inner) = if outside.is_some() { (outside, own) } else { (own, None) };
        let is_watched = outer.is_some();
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
        let watch = Watch {
            #[cfg(feature = "tracing")]
            span,
            #[cfg(feature = "metrics")]
            meters,
            #[cfg(feature = "trace")]
            making,
        };
        let ready = is_complete.then_some(called);
        Self(Some(Seen::Call(ids, Some(Live { outer, inner, called, ready, watch })).boxed()))
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

    /// Whether somebody watches the call, whose work was not taken yet, or the thread runs a recorded call around it.
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        if self.0.is_some() {
            return true;
        }
        #[cfg(feature = "trace")]
        if record::is_inside() {
            return true;
        }
        false
    }

    /// Takes the living part, for the one who has taken the work of the call; `None` if the code of a watcher has made
    /// the call.
    #[inline]
    pub(crate) fn take_live(&mut self) -> Option<Live> {
        match self.0.as_deref_mut() {
            Some(Seen::Call(_, live)) => live.take(),
            Some(Seen::Silent) => None,
            Some(Seen::Passing(_)) | None => Some(Live::unwatched()),
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
            live.ready = Some(if is_late { Instant::now() } else { live.called });
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
            Self::Live(live) => live.end_unrun(site, error, dropped),
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

/// Runs the body of a call that the code of a watcher has made.
pub(crate) fn run_silent<R>(body: impl FnOnce() -> R) -> R {
    let _client = client::enter();
    #[cfg(feature = "trace")]
    let entered = record::enter(None);
    let result = body();
    #[cfg(feature = "trace")]
    if let Some(entered) = entered {
        entered.leave();
    }
    result
}

impl Live {
    /// Returns the living part of a call that nobody watches, to run inside of a recorded call.
    #[cold]
    fn unwatched() -> Self {
        let watch = Watch {
            #[cfg(feature = "tracing")]
            span: None,
            #[cfg(feature = "metrics")]
            meters: None,
            #[cfg(feature = "trace")]
            making: None,
        };
        Self { outer: None, inner: None, called: Instant::now(), ready: None, watch }
    }

    /// Runs the body of the call at `site`, inside of the code around the body, and returns the end of the call.
    #[inline]
    pub(crate) fn run<W, R>(
        self,
        site: &CallSite,
        work: W,
        dropped: &mut Dropped,
        body: impl Fn(W, &mut Dropped) -> R,
    ) -> Result<R, TaskError>
    where
        W: Send + 'static,
        R: Send + 'static,
    {
        let Self { outer, inner, called, ready, watch } = self;
        let moments = Moments::new(called, ready);
        if watch.is_watching() {
            moments.started();
        }
        #[cfg(feature = "tracing")]
        if let Some(span) = &watch.span {
            spans::enter(span, *site, &moments);
        }
        #[cfg(feature = "trace")]
        let entered = record::enter(watch.making.as_ref());
        let (outcome, has_run) = match outer {
            None => {
                // A watcher that waits, or ends a promise, may run this call on its stack.
                let _own = client::leave();
                (caught(*site, || body(work, dropped)), true)
            }
            Some(outer) => run_around(site, (outer, inner), &moments, work, dropped, body),
        };
        #[cfg(feature = "trace")]
        let waits = entered.map(record::Entered::leave).unwrap_or_default();
        #[cfg(not(feature = "trace"))]
        let waits = None;
        watch.end(*site, outcome.as_ref().err(), if has_run { Way::Ran } else { Way::Begun }, &moments, waits);
        outcome
    }

    /// Ends what watches a call at `site` whose body has not run; what is a user's in that is left in `dropped`.
    #[cold]
    fn end_unrun(self, site: CallSite, error: Option<&TaskError>, dropped: &mut Dropped) {
        let moments = Moments::new(self.called, self.ready);
        self.watch.end(site, error, Way::NotBegun, &moments, Waits::default());
        dropped.push(Box::new(client::Owned::new((self.outer, self.inner))));
    }
}

impl Watch {
    /// Whether there is a watcher, who wants to know when the call began.
    #[inline]
    #[cfg_attr(
        not(any(feature = "tracing", feature = "metrics", feature = "trace")),
        expect(clippy::unused_self, reason = "nobody else asks")
    )]
    fn is_watching(&self) -> bool {
        #[cfg(feature = "tracing")]
        if self.span.is_some() {
            return true;
        }
        #[cfg(feature = "metrics")]
        if self.meters.is_some() {
            return true;
        }
        #[cfg(feature = "trace")]
        if self.making.is_some() {
            return true;
        }
        false
    }

    /// Ends what watches the call at `site`: lost by `error`, or not; at the end of its `way`.
    #[inline]
    #[cfg_attr(
        not(any(feature = "tracing", feature = "metrics", feature = "trace")),
        expect(clippy::unused_self, reason = "nobody else asks")
    )]
    fn end(self, site: CallSite, error: Option<&TaskError>, way: Way, moments: &Moments, waits: Waits) {
        #[cfg(any(feature = "metrics", feature = "trace"))]
        let (has_run, ending) = (way == Way::Ran, Ending::of(error, way == Way::Ran));
        #[cfg(feature = "trace")]
        if let Some(making) = self.making {
            record::add(making, site, moments, has_run, ending, waits);
        }
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.meters {
            meters::count(meters, ending, has_run.then_some(moments));
        }
        #[cfg(feature = "tracing")]
        spans::finish(self.span, way != Way::NotBegun, site, error);
        #[cfg(not(feature = "trace"))]
        let _ = waits;
        let _ = (site, error, way, moments);
    }
}

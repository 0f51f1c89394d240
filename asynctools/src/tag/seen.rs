//! The tag of a call that somebody watches.

use std::sync::Arc;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::error::caught;
#[cfg(feature = "metrics")]
use crate::meter_site::Meters;
use crate::panics::lock;
use crate::sync::Instant;
use crate::sync::Mutex;
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
pub(crate) struct Tag(Option<Arc<Seen>>);

struct Seen {
    ids: Ids,
    /// `None` for a call that runs no user code.
    info: Option<CallInfo>,
    /// The moment of the call.
    called: Instant,
    /// The sources of a call that runs no user code, which stand for the call.
    passed: Sources,
    /// Until the work is taken out. The lock is never held for long, nor by two threads at once.
    live: Mutex<Option<Live>>,
}

/// The living part of the tag of a call.
struct Live {
    /// The last argument came; `None` if all arguments were there at the call.
    ready: Option<Instant>,
    /// The code around the calls of all pools: outside of the code of the call's own pool.
    outside: Option<Inner>,
    own: Option<Inner>,
    #[cfg(feature = "tracing")]
    span: Option<tracing::Span>,
    #[cfg(feature = "metrics")]
    meters: Option<Arc<Meters>>,
    #[cfg(feature = "trace")]
    making: Option<record::Making>,
}

/// A tag, taken with the work: `None` if nobody watches. Its owner ends the living part.
pub(crate) struct Taken(Option<Arc<Seen>>);

/// The tag of a call that somebody watches, taken with the work.
pub(crate) struct Watched(Arc<Seen>);

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
fn drop_cold(seen: Arc<Seen>) {
    let _client = client::enter();
    drop(seen);
}

/// Whether somebody watches the calls of `site` on the pool `home`.
#[inline]
#[cfg_attr(not(feature = "metrics"), expect(unused_variables, reason = "each function has its own meters"))]
fn is_watched(site: CallSite, home: &Home) -> bool {
    #[cfg(feature = "tracing")]
    if spans::is_watching() {
        return true;
    }
    #[cfg(feature = "metrics")]
    if !site.callee().meters().is_mute() {
        return true;
    }
    home.is_watched() || client::has_any()
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
    /// takes.
    #[inline]
    pub(crate) fn new(site: CallSite, home: &Home, sources: &dyn Fn(&mut Sources)) -> Self {
        if !is_watched(site, home) {
            return Self::NONE;
        }
        Self::seen(site, home, sources)
    }

    #[cold]
    #[inline(never)]
    fn seen(site: CallSite, home: &Home, sources: &dyn Fn(&mut Sources)) -> Self {
        if client::is_here() {
            return Self::NONE;
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
        if let Some(span) = &span {
            spans::follow(span, found.iter().filter_map(|ids| ids.span.clone()));
        }
        #[cfg(feature = "trace")]
        let making = record::is_on()
            .then(|| record::Making::begin(found.iter().map(|ids| ids.number).filter(|number| *number != 0).collect()));
        let ids = Ids {
            #[cfg(feature = "tracing")]
            span: span.as_ref().and_then(tracing::Span::id),
            #[cfg(feature = "trace")]
            number: making.as_ref().map_or(0, |making| making.id),
        };
        let called = Instant::now();
        let outside = everywhere().and_then(|around| around.begin(&info));
        let own = home.around().begin(&info);
        let live = Live {
            ready: None,
            outside,
            own,
            #[cfg(feature = "tracing")]
            span,
            #[cfg(feature = "metrics")]
            meters,
            #[cfg(feature = "trace")]
            making,
        };
        Self(Some(Arc::new(Seen {
            ids,
            info: Some(info),
            called,
            passed: Sources::new(),
            live: Mutex::new(Some(live)),
        })))
    }

    /// Makes the tag of a call that runs no user code: the calls that `sources` finds stand for the call.
    pub(crate) fn passing(sources: &dyn Fn(&mut Sources)) -> Self {
        if !wants_sources() {
            return Self::NONE;
        }
        let mut passed = Sources::new();
        sources(&mut passed);
        passed.truncate(MOST_PASSED);
        if passed.is_empty() {
            return Self::NONE;
        }
        Self(Some(Arc::new(Seen {
            ids: Ids::default(),
            info: None,
            called: Instant::now(),
            passed,
            live: Mutex::new(None),
        })))
    }

    /// Takes the tag, together with the work of the call.
    #[inline]
    pub(crate) fn take(&mut self) -> Taken {
        Taken(self.0.clone())
    }

    /// Notes that the last argument is there. Runs no user code.
    #[inline]
    pub(crate) fn ready(&mut self) {
        if let Some(seen) = &self.0 {
            seen.note_ready();
        }
    }

    /// Adds what watchers know the call by, or the calls that stand for the call.
    pub(crate) fn sources(&self, sources: &mut Sources) {
        let Some(seen) = &self.0 else { return };
        if seen.passed.is_empty() {
            sources.push(seen.ids.clone());
        } else {
            sources.extend_from_slice(&seen.passed);
        }
    }
}

impl Taken {
    pub(crate) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Returns the tag if somebody watches the call.
    #[inline]
    pub(crate) fn watched(self) -> Option<Watched> {
        self.0.map(Watched)
    }

    /// Ends the tag of a call at `site` that an argument has ended, with or without a value: the body does not run.
    #[inline]
    pub(crate) fn end_unrun<T>(self, site: CallSite, outcome: &Result<T, TaskError>, dropped: &mut Dropped) {
        let Some(seen) = self.0 else { return unwatched_end(site, outcome) };
        if let (Some(info), Some(mut live)) = (&seen.info, seen.take_live()) {
            live.end(info, seen.called, outcome, None, Waits::default());
            dropped.push(Box::new(client::Owned::new(live)));
        }
    }

    /// Ends the tag of a call at `site` that is lost before its start; if not `now`, then when `dropped` is dropped.
    pub(crate) fn lose(self, site: CallSite, error: &TaskError, now: bool, dropped: &mut Dropped) {
        if now {
            return self.end_unrun::<()>(site, &Err(error.clone()), dropped);
        }
        if self.0.is_some() {
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

/// Tells of the loss of a call that nobody watches.
#[inline]
pub(crate) fn unwatched_end<T>(site: CallSite, outcome: &Result<T, TaskError>) {
    #[cfg(feature = "tracing")]
    if let Err(error) = outcome {
        spans::tell_of_loss(site, None, error);
    }
    #[cfg(not(feature = "tracing"))]
    let _ = (site, outcome);
}

impl Seen {
    #[cold]
    fn note_ready(&self) {
        if let Some(live) = &mut *lock(&self.live) {
            live.ready = Some(Instant::now());
        }
    }

    fn take_live(&self) -> Option<Live> {
        lock(&self.live).take()
    }
}

/// The waits inside of the run of a call.
#[cfg(feature = "trace")]
type Waits = Vec<record::Waited>;
#[cfg(not(feature = "trace"))]
type Waits = Option<std::convert::Infallible>;

impl Live {
    /// Ends what watches the call: `ran` has the moments of a call whose body ran.
    #[cfg_attr(
        not(any(feature = "tracing", feature = "metrics", feature = "trace")),
        expect(clippy::unused_self, reason = "nobody else asks")
    )]
    fn end<T>(
        &mut self,
        info: &CallInfo,
        called: Instant,
        outcome: &Result<T, TaskError>,
        ran: Option<&Moments>,
        waits: Waits,
    ) {
        #[cfg(feature = "trace")]
        if let Some(making) = self.making.take() {
            let started = ran.map(|moments| moments.started);
            let life = record::Life { called, ready: self.ready, started };
            let ending = Ending::of(outcome, ran.is_some());
            record::add(making, info.site, &info.home, &life, ending, waits);
        }
        #[cfg(feature = "metrics")]
        if let Some(meters) = self.meters.take() {
            let lasted = ran.map(|moments| meters::Lasted {
                arguments: moments.waited_for_arguments(),
                queue: moments.waited_for_worker(),
                run: moments.started.elapsed(),
            });
            meters::count(&meters, Ending::of(outcome, ran.is_some()), lasted.as_ref());
        }
        #[cfg(feature = "tracing")]
        {
            let span = self.span.take();
            if let Err(error) = outcome {
                spans::tell_of_loss(info.site, span.as_ref(), error);
            }
            span.into_iter().for_each(spans::close);
        }
        #[cfg(not(feature = "trace"))]
        let _ = waits;
        let _ = (info, called, outcome, ran);
    }
}

impl Watched {
    /// Runs the body of the call, inside of the code around the body, and returns the end of the call.
    #[inline(never)]
    pub(crate) fn run<W, R>(
        self,
        work: W,
        dropped: &mut Dropped,
        body: impl FnOnce(W, &mut Dropped) -> R,
    ) -> Result<R, TaskError>
    where
        W: Send + 'static,
        R: Send + 'static,
    {
        let Self(seen) = self;
        let (Some(info), Some(mut live)) = (&seen.info, seen.take_live()) else {
            unreachable!("the work of a call is taken once")
        };
        let (site, called) = (info.site, seen.called);
        let moments = Moments { called, ready: live.ready, started: Instant::now() };
        #[cfg(feature = "tracing")]
        if let Some(span) = &live.span {
            spans::enter(span, moments.waited_for_arguments(), moments.waited_for_worker());
        }
        #[cfg(feature = "trace")]
        let entered = live.making.as_ref().map(record::Making::enter);
        let (outside, own) = (live.outside.take(), live.own.take());
        let around = match outside {
            Some(outside) => Some((outside, own)),
            None => own.map(|own| (own, None)),
        };
        let outcome = match around {
            None => caught(site, || body(work, dropped)),
            Some(around) => run_around(site, around, &moments, work, dropped, body),
        };
        #[cfg(feature = "tracing")]
        if let Some(span) = &live.span {
            spans::exit(span);
        }
        #[cfg(feature = "trace")]
        let waits = entered.map(record::Entered::leave).unwrap_or_default();
        #[cfg(not(feature = "trace"))]
        let waits = None;
        live.end(info, called, &outcome, Some(&moments), waits);
        outcome
    }
}

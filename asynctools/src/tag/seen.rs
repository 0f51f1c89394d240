//! The tag of a call that somebody watches.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;

use crate::call_site::CallSite;
use crate::error::Panic;
use crate::error::TaskError;
use crate::sync::Instant;
use crate::tag::Dropped;
use crate::tag::around::CallInfo;
use crate::tag::around::Home;
use crate::tag::around::Inner;
use crate::tag::around::Moments;
use crate::tag::around::everywhere;
use crate::tag::around::run_inside;
use crate::tag::client;

// Implementation
//
// A tag is made on the caller's thread, and lies in the call, under its lock, until the call runs or is lost. The thread that takes
// the work out takes the tag out too, and ends the tag before the end of the call can be seen. A tag runs the program's code, so
// no tag runs under a lock. A panic of the inner or outer code of `around` ends the call; that of another watcher
// ends in `survive`.

/// The tag of one call: `None` if nobody watches.
pub(crate) struct Tag(Option<Box<Seen>>);

/// The tag of a call that somebody watches.
pub(crate) struct Watched(Box<Seen>);

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
    let _client = client::enter();
    drop(seen);
}

struct Seen {
    info: CallInfo,
    /// The call was made.
    called: Instant,
    /// The last argument came; `None` if all arguments were there at the call.
    ready: Option<Instant>,
    /// The code around the calls of all pools: outside of the code of the call's own pool.
    outside: Option<Inner>,
    own: Option<Inner>,
}

impl Tag {
    pub(crate) const NONE: Self = Self(None);

    /// Makes the tag of a call, at the call. Runs the outer code of `around`.
    #[inline]
    pub(crate) fn new(site: CallSite, home: &Home) -> Self {
        if !home.is_watched() && everywhere().is_none() {
            return Self::NONE;
        }
        Self::seen(site, home)
    }

    #[cold]
    #[inline(never)]
    fn seen(site: CallSite, home: &Home) -> Self {
        if client::is_here() {
            return Self::NONE;
        }
        let info = CallInfo { site, home: home.clone() };
        let called = Instant::now();
        let outside = everywhere().and_then(|around| around.begin(&info));
        let own = home.around().begin(&info);
        Self(Some(Box::new(Seen { info, called, ready: None, outside, own })))
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Notes that the last argument is there. Runs no user code.
    #[inline]
    pub(crate) fn ready(&mut self) {
        if let Some(seen) = &mut self.0 {
            seen.ready = Some(Instant::now());
        }
    }

    /// Returns the tag if somebody watches the call.
    #[inline]
    pub(crate) fn watched(mut self) -> Option<Watched> {
        self.0.take().map(Watched)
    }

    /// Ends the tag of a call that an argument has ended, with or without a value: the body does not run.
    #[inline]
    pub(crate) fn end_unrun<T>(self, _outcome: &Result<T, TaskError>, dropped: &mut Dropped) {
        if self.0.is_some() {
            dropped.push(Box::new(self));
        }
    }

    /// Ends the tag of a call that is lost before its start; if not `now`, then when `dropped` is dropped.
    #[inline]
    pub(crate) fn lose(self, _error: &TaskError, _now: bool, dropped: &mut Dropped) {
        if self.0.is_some() {
            dropped.push(Box::new(self));
        }
    }
}

/// Returns the outcome of the body of the call made at `site`; a panic is the outcome too.
fn caught<R>(site: CallSite, body: impl FnOnce() -> R) -> Result<R, TaskError> {
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| TaskError::Panicked(Panic::new(site, payload)))
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
        let Seen { info, called, ready, outside, own } = *self.0;
        let site = info.site;
        let moments = Moments { called, ready: ready.unwrap_or(called), started: Instant::now() };
        if outside.is_none() && own.is_none() {
            return caught(site, || body(work, dropped));
        }
        run_around(site, (outside, own), &moments, work, dropped, body)
    }
}

/// The end of a body inside of the code around it.
enum Ran<R> {
    Not,
    Returned(R),
    Panicked(Panic),
}

/// Runs the body of the call made at `site` inside of the code around it, outermost first.
fn run_around<W, R>(
    site: CallSite,
    around: (Option<Inner>, Option<Inner>),
    moments: &Moments,
    work: W,
    dropped: &mut Dropped,
    body: impl FnOnce(W, &mut Dropped) -> R,
) -> Result<R, TaskError>
where
    W: Send + 'static,
    R: Send + 'static,
{
    let mut parts = Some((work, body));
    let mut ran = Ran::Not;
    let mut innermost = || {
        let Some((work, body)) = parts.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| body(work, dropped))) {
            Ok(value) => ran = Ran::Returned(value),
            Err(payload) => {
                // The code around may keep the panic to itself.
                let panic = Panic::new(site, payload);
                let payload = panic.take_payload();
                ran = Ran::Panicked(panic);
                if let Some(payload) = payload {
                    resume_unwind(payload);
                }
            }
        }
    };
    let mut left = None;
    let outcome = match around {
        (Some(outside), Some(own)) => {
            left = Some(own);
            caught(site, || {
                run_inside(outside, moments, &mut || {
                    if let Some(own) = left.take() {
                        run_inside(own, moments, &mut innermost);
                    }
                });
            })
        }
        (Some(inner), None) | (None, Some(inner)) => caught(site, || run_inside(inner, moments, &mut innermost)),
        (None, None) => caught(site, innermost),
    };
    // A `Drop` of the user may wait for this call.
    if let Some((work, _)) = parts {
        dropped.push(Box::new(work));
    }
    if let Some(own) = left {
        dropped.push(Box::new(client::Owned::new(own)));
    }
    match (outcome, ran) {
        (Ok(()), Ran::Returned(value)) => Ok(value),
        (Ok(()), Ran::Panicked(panic)) => Err(TaskError::Panicked(panic)),
        (Ok(()), Ran::Not) => Err(TaskError::Rejected),
        (Err(error), Ran::Returned(value)) => {
            dropped.push(Box::new(value));
            Err(error)
        }
        (Err(error), _) => Err(error),
    }
}

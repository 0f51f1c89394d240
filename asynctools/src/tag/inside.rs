//! A body inside of the code around it, and how the call ends.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;

use crate::call_site::CallSite;
use crate::error::TaskError;
use crate::error::caught;
use crate::panic::Panic;
use crate::tag::Dropped;
use crate::tag::around::Inner;
use crate::tag::around::Moments;
use crate::tag::around::run_inside;
use crate::tag::client;

/// A body inside of the code around it.
enum Body<W, R> {
    Unrun(W),
    Running,
    Returned(R),
    Panicked(Panic),
}

/// The code around a body: that of all pools or of the call's own pool, and inside of the former the latter.
pub(crate) type Codes = (Inner, Option<Inner>);

/// Runs `body` inside of the code around it. Returns how that code ended, and the inner code if the outer one did not run it.
#[inline]
fn run_codes(
    site: &CallSite,
    codes: Codes,
    moments: &Moments,
    body: &mut dyn FnMut(),
) -> (Result<(), TaskError>, Option<Inner>) {
    match codes {
        (code, None) => (caught(*site, || run_inside(code, moments, body)), None),
        (outer, Some(inner)) => run_both(site, outer, inner, moments, body),
    }
}

/// The same where the call's own pool has code too: apart, since few programs have both.
#[cold]
fn run_both(
    site: &CallSite,
    outer: Inner,
    inner: Inner,
    moments: &Moments,
    body: &mut dyn FnMut(),
) -> (Result<(), TaskError>, Option<Inner>) {
    let mut inner = Some(inner);
    let mut nested = || {
        if let Some(inner) = inner.take() {
            run_inside(inner, moments, body);
        }
    };
    let outcome = caught(*site, || run_inside(outer, moments, &mut nested));
    (outcome, inner)
}

/// Runs the body of the call made at `site` inside of the code around it. Returns the end of the call, and whether the body ran.
#[inline]
pub(crate) fn run_around<W, R>(
    site: &CallSite,
    codes: Codes,
    moments: &Moments,
    work: W,
    dropped: &mut Dropped,
    body: impl Fn(W, &mut Dropped) -> R,
) -> (Result<R, TaskError>, bool)
where
    W: Send + 'static,
    R: Send + 'static,
{
    let mut place = Body::Unrun(work);
    let mut innermost = || {
        let Body::Unrun(work) = std::mem::replace(&mut place, Body::Running) else { unreachable!("a `Run` runs once") };
        match catch_unwind(AssertUnwindSafe(|| body(work, dropped))) {
            Ok(value) => place = Body::Returned(value),
            Err(payload) => {
                // The code around may keep the panic to itself.
                let panic = Panic::new(*site, payload);
                let payload = panic.take_payload();
                place = Body::Panicked(panic);
                if let Some(payload) = payload {
                    resume_unwind(payload);
                }
            }
        }
    };
    match (run_codes(site, codes, moments, &mut innermost), place) {
        ((Ok(()), None), Body::Returned(value)) => (Ok(value), true),
        ((outcome, left), body) => end_otherwise(outcome, left, body, dropped),
    }
}

/// Returns the end of a call, and whether its body ran, where the code around it or its body did not end as usual. Leaves what is
/// the user's and not needed in `dropped`: its `Drop` may wait for this call.
#[cold]
fn end_otherwise<W, R>(
    outcome: Result<(), TaskError>,
    left: Option<Inner>,
    body: Body<W, R>,
    dropped: &mut Dropped,
) -> (Result<R, TaskError>, bool)
where
    W: Send + 'static,
    R: Send + 'static,
{
    let (mut end, has_run) = match body {
        Body::Returned(value) => (Ok(value), true),
        Body::Panicked(panic) => (Err(TaskError::Panicked(panic)), true),
        Body::Running => unreachable!("each body ends"),
        Body::Unrun(work) => {
            dropped.push(Box::new(work));
            (Err(TaskError::Rejected), false)
        }
    };
    if let Err(error) = outcome
        && let Ok(value) = std::mem::replace(&mut end, Err(error))
    {
        dropped.push(Box::new(value));
    }
    if let Some(inner) = left {
        dropped.push(Box::new(client::Owned::new(inner)));
    }
    (end, has_run)
}

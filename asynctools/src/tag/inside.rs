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

/// The end of a body inside of the code around it.
enum Ran<R> {
    Not,
    Returned(R),
    Panicked(Panic),
}

/// The code around a body: that of all pools or of the call's own pool, and inside of the former the latter.
pub(crate) type Codes = (Inner, Option<Inner>);

/// Runs `body` inside of the code around it. Returns how that code ended, and the inner code if the outer one did not run it.
#[inline]
fn run_codes(
    site: CallSite,
    (outer, mut inner): Codes,
    moments: &Moments,
    body: &mut dyn FnMut(),
) -> (Result<(), TaskError>, Option<Inner>) {
    if inner.is_none() {
        return (caught(site, || run_inside(outer, moments, body)), None);
    }
    let mut nested = || {
        if let Some(inner) = inner.take() {
            run_inside(inner, moments, body);
        }
    };
    let outcome = caught(site, || run_inside(outer, moments, &mut nested));
    (outcome, inner)
}

/// Runs the body of the call made at `site` inside of the code around it. Returns the end of the call, and whether the body ran.
#[inline]
pub(crate) fn run_around<W, R>(
    site: CallSite,
    codes: Codes,
    moments: &Moments,
    work: W,
    dropped: &mut Dropped,
    body: impl FnOnce(W, &mut Dropped) -> R,
) -> (Result<R, TaskError>, bool)
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
    let (outcome, left) = run_codes(site, codes, moments, &mut innermost);
    // A `Drop` of the user may wait for this call.
    if let Some((work, _)) = parts {
        dropped.push(Box::new(work));
    }
    if let Some(inner) = left {
        dropped.push(Box::new(client::Owned::new(inner)));
    }
    let has_run = !matches!(ran, Ran::Not);
    let outcome = match (outcome, ran) {
        (Ok(()), Ran::Returned(value)) => Ok(value),
        (Ok(()), Ran::Panicked(panic)) => Err(TaskError::Panicked(panic)),
        (Ok(()), Ran::Not) => Err(TaskError::Rejected),
        (Err(error), Ran::Returned(value)) => {
            dropped.push(Box::new(value));
            Err(error)
        }
        (Err(error), _) => Err(error),
    };
    (outcome, has_run)
}

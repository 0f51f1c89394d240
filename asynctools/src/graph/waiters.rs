//! The waiters of a call.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use crate::error::TaskError;
use crate::graph::lineage;
use crate::graph::lineage::MadeBy;
use crate::graph::notify;
use crate::graph::stop;
use crate::graph::stop::Asked;
use crate::graph::traits::Aftermath;
use crate::graph::traits::Awaited;
use crate::graph::traits::Helper;
use crate::graph::traits::Job;
use crate::graph::traits::Waiter;

/// The waiters of a call; most calls have at most 1 waiter. The origin of the call stands where a waiter would: in the call itself it
/// would make every call larger.
/// Has no type parameters, and neither has what stands here: it is compiled once, and not for each type of call.
pub(crate) enum Waiters {
    None(Origin),
    /// The origin is the usual one.
    One(WaiterKind),
    /// Boxed: a `Vec` in here would make every call larger.
    Many(Box<Many>),
}

impl Default for Waiters {
    fn default() -> Self {
        Self::None(Origin::USUAL)
    }
}

/// The maker of a call, and the moment of its making, until the call runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) made_by: MadeBy,
    /// How many requests to stop there were when the call went to its queue.
    pub(crate) requests: u32,
}

impl Origin {
    /// Made by no call, in a program that has asked no call to stop.
    pub(crate) const USUAL: Self = Self { made_by: MadeBy::NOBODY, requests: 0 };

    /// The origin of a call that is made here and now.
    #[inline]
    pub(crate) fn here() -> Self {
        Self { made_by: lineage::made_here(), requests: stop::requests() }
    }
}

pub(crate) struct Many {
    origin: Origin,
    entries: Vec<WaiterKind>,
    /// The addresses of forgotten dependants with entries still in the list. An entry keeps its dependant alive, so no
    /// other dependant has the address.
    gone: Vec<usize>,
}

pub(crate) enum WaiterKind {
    Plain(Waiter),
    /// Clones the result, before the owner of the handle can take the result.
    Lend(Arc<dyn Lend>),
    /// The engine of a handed-over call.
    Elsewhere(Arc<dyn Elsewhere>),
    /// A cancel of a call that is being handed over: its engine, which is not known yet, is to hear of it.
    Unwanted,
    /// Somebody has asked the call to stop.
    Asked(#[expect(dead_code, reason = "kept for its drop")] Asked),
}

/// The engine of a handed-over call, as the call sees the engine.
pub(crate) trait Elsewhere: Send + Sync {
    /// Tells the engine that nobody wants the result. Returns whether the call never began and never will.
    fn cancel(&self) -> bool;

    /// Returns the engine's id of the call.
    #[cfg(feature = "celery")]
    fn id(&self) -> Option<String>;

    /// Whether the call keeps the engine after its end, for the id.
    fn is_kept(&self) -> bool;
}

/// Looks at a result or at a loss.
pub(crate) type Look<'a, T> = dyn FnMut(Result<&T, &TaskError>) + 'a;

/// Takes a clone of a result, on the thread which ends the call, or at once if the call has ended. Must not panic.
pub(crate) trait Lend: Send + Sync {
    /// `outcome` is a `Result<T, TaskError>`, where `T` is the result of the call.
    fn lend(self: Arc<Self>, outcome: &dyn Any);
}

/// Has each of `lends` clone the result. The effects of the clones are held back.
pub(crate) fn lend_to(lends: Vec<Arc<dyn Lend>>, outcome: &dyn Any) {
    let _held = notify::hold();
    for lend in lends {
        lend.lend(outcome);
    }
}

/// Tells all of `engines` that nobody wants the result. Returns whether one of them says that the call never began and never will.
pub(crate) fn cancel_all(engines: Vec<Arc<dyn Elsewhere>>) -> bool {
    engines.into_iter().filter(|engine| engine.cancel()).count() > 0
}

/// Helpers that were taken out of a call. Most calls have none.
pub(crate) struct Helpers(Vec<Arc<dyn Helper>>);

impl Helpers {
    /// Tells them that the call is ready to run.
    pub(crate) fn ready(self, job: &dyn Fn() -> Arc<dyn Job>) {
        self.0.into_iter().for_each(|helper| helper.ready(job()));
    }

    /// Tells them of a change in the needs of the call.
    pub(crate) fn changed(self, call: &dyn Fn() -> Arc<dyn Awaited>) {
        self.0.into_iter().for_each(|helper| helper.changed(call()));
    }
}

/// A longer list is not searched for each forgotten dependant, but swept when half of the entries are forgotten.
const SEARCHED: usize = 32;

impl WaiterKind {
    /// The address by which a dependant is forgotten.
    fn address(&self) -> Option<usize> {
        match self {
            Self::Plain(Waiter::Dependant(dependant, _)) => Some(address(dependant)),
            Self::Lend(lend) => Some(address(lend)),
            Self::Plain(_) | Self::Elsewhere(_) | Self::Unwanted | Self::Asked(_) => None,
        }
    }
}

/// Returns the address of the value in an `Arc`, to tell values apart.
pub(crate) fn address<T: ?Sized>(arc: &Arc<T>) -> usize {
    Arc::as_ptr(arc).cast::<()>().addr()
}

impl Waiters {
    pub(crate) fn push(&mut self, waiter: WaiterKind) {
        *self = match std::mem::take(self) {
            Self::None(Origin::USUAL) => Self::One(waiter),
            Self::None(origin) => Self::many(origin, vec![waiter]),
            Self::One(first) => Self::many(Origin::USUAL, vec![first, waiter]),
            Self::Many(mut many) => {
                many.entries.push(waiter);
                Self::Many(many)
            }
        };
    }

    fn many(origin: Origin, entries: Vec<WaiterKind>) -> Self {
        Self::Many(Box::new(Many { origin, entries, gone: Vec::new() }))
    }

    /// Returns the origin of a call that has not begun to run.
    #[inline]
    pub(crate) fn origin(&self) -> Origin {
        match self {
            Self::None(origin) => *origin,
            Self::One(_) => Origin::USUAL,
            Self::Many(many) => many.origin,
        }
    }

    /// Notes how many requests to stop there were when the call went to its queue.
    pub(crate) fn set_requests(&mut self, requests: u32) {
        if requests == self.origin().requests {
            return;
        }
        match self {
            Self::None(origin) => origin.requests = requests,
            Self::Many(many) => many.origin.requests = requests,
            Self::One(_) => {
                let origin = Origin { requests, ..Origin::USUAL };
                *self = Self::many(origin, std::mem::take(self).into_iter().collect());
            }
        }
    }

    /// Asks the call at the address `call`, which runs, to stop.
    pub(crate) fn ask_to_stop(&mut self, call: usize) {
        if let Some(asked) = stop::ask(call) {
            self.push(WaiterKind::Asked(asked));
        }
    }

    /// Takes out each waiter for which `which` is true.
    pub(crate) fn extract(&mut self, which: &dyn Fn(&Waiter) -> bool) -> Vec<WaiterKind> {
        self.extract_as(|waiter| matches!(waiter, WaiterKind::Plain(waiter) if which(waiter)), Some)
    }

    /// Takes out the task that polled the handle.
    pub(crate) fn take_task(&mut self) -> Vec<WaiterKind> {
        self.extract(&|waiter| matches!(waiter, Waiter::Task(_)))
    }

    /// Takes out the waiters to be told when the call is ready to run.
    pub(crate) fn take_helpers(&mut self) -> Helpers {
        Helpers(self.extract_as(
            |waiter| matches!(waiter, WaiterKind::Plain(Waiter::Helper(_))),
            |waiter| if let WaiterKind::Plain(Waiter::Helper(helper)) = waiter { Some(helper) } else { None },
        ))
    }

    /// Takes out the lends.
    pub(crate) fn take_lends(&mut self) -> Vec<Arc<dyn Lend>> {
        self.extract_as(
            |waiter| matches!(waiter, WaiterKind::Lend(_)),
            |waiter| if let WaiterKind::Lend(lend) = waiter { Some(lend) } else { None },
        )
    }

    /// Takes out each waiter for which `which` is true, as `what`. Most calls have none, and no list is made for them.
    #[inline]
    fn extract_as<W>(&mut self, which: impl Fn(&WaiterKind) -> bool, what: impl Fn(WaiterKind) -> Option<W>) -> Vec<W> {
        let has_any = match self {
            Self::None(_) => false,
            Self::One(waiter) => which(waiter),
            Self::Many(many) => many.entries.iter().any(&which),
        };
        if !has_any {
            return Vec::new();
        }
        match self {
            Self::Many(many) => many.entries.extract_if(.., |waiter| which(waiter)).filter_map(what).collect(),
            _ => std::mem::take(self).into_iter().filter_map(what).collect(),
        }
    }

    /// Notes the engine of the call. Returns whether the engine is to hear that nobody wants the result.
    pub(crate) fn run_by(&mut self, engine: Arc<dyn Elsewhere>) -> bool {
        let is_unwanted = self.take_unwanted();
        self.push(WaiterKind::Elsewhere(engine));
        is_unwanted
    }

    /// Returns the engines of a call that is handed over, or is being handed over, to hear that nobody wants the result. If there is
    /// none yet, the first one will hear.
    pub(crate) fn engines_to_hear(&mut self) -> Vec<Arc<dyn Elsewhere>> {
        let engines = self.owned_engines();
        if engines.is_empty() {
            self.take_unwanted();
            self.push(WaiterKind::Unwanted);
        }
        engines
    }

    fn take_unwanted(&mut self) -> bool {
        !self.extract_as(|waiter| matches!(waiter, WaiterKind::Unwanted), Some).is_empty()
    }

    /// Returns the engines of the call, for use without the lock.
    pub(crate) fn owned_engines(&self) -> Vec<Arc<dyn Elsewhere>> {
        self.engines().cloned().collect()
    }

    /// Returns the engine's id of the call.
    #[cfg(feature = "celery")]
    pub(crate) fn engine_id(&self) -> Option<String> {
        self.engines().find_map(|engine| engine.id())
    }

    /// Returns the engines of the call.
    fn engines(&self) -> impl Iterator<Item = &Arc<dyn Elsewhere>> {
        let entries = match self {
            Self::None(_) => &[],
            Self::One(waiter) => std::slice::from_ref(waiter),
            Self::Many(many) => many.entries.as_slice(),
        };
        entries.iter().filter_map(|waiter| if let WaiterKind::Elsewhere(engine) = waiter { Some(engine) } else { None })
    }

    /// Takes out the waiter of a call that has no other.
    #[inline]
    pub(crate) fn take_only(&mut self) -> Option<Waiter> {
        if !matches!(self, Self::One(WaiterKind::Plain(_))) {
            return None;
        }
        let Self::One(WaiterKind::Plain(waiter)) = std::mem::take(self) else { unreachable!("just looked at") };
        Some(waiter)
    }

    /// Takes out the waiters at the end of the call. An engine that is kept stays too.
    pub(crate) fn take_at_end(&mut self) -> Self {
        let waiters = std::mem::take(self);
        if let Some(engine) = waiters.engines().find(|engine| engine.is_kept()) {
            *self = Self::One(WaiterKind::Elsewhere(engine.clone()));
        }
        waiters
    }

    /// Takes out the entry of the dependant at `address`, or notes the address for a later sweep. Where n dependants
    /// leave by themselves, each entry is moved only a few times.
    pub(crate) fn forget(&mut self, address: usize) -> Vec<WaiterKind> {
        let Self::Many(many) = self else { return self.extract_as(|waiter| waiter.address() == Some(address), Some) };
        many.gone.push(address);
        if many.entries.len() > SEARCHED && many.gone.len() * 2 < many.entries.len() {
            return Vec::new();
        }
        let gone: HashSet<usize> = std::mem::take(&mut many.gone).into_iter().collect();
        let is_gone = |waiter: &mut WaiterKind| waiter.address().is_some_and(|address| gone.contains(&address));
        let out = many.entries.extract_if(.., is_gone).collect();
        many.entries.shrink_to_fit();
        if many.entries.is_empty() {
            *self = Self::None(many.origin);
        }
        out
    }

    /// Tells the waiters of the end of the call.
    pub(crate) fn tell(self, aftermath: &mut Aftermath) {
        for waiter in self.into_iter() {
            match waiter {
                WaiterKind::Plain(waiter) => notify::tell(waiter, aftermath),
                WaiterKind::Lend(_) | WaiterKind::Unwanted | WaiterKind::Asked(_) => {}
                WaiterKind::Elsewhere(engine) => aftermath.dropped.push(Box::new(engine)),
            }
        }
    }

    fn into_iter(self) -> impl Iterator<Item = WaiterKind> {
        let (one, many) = match self {
            Self::None(_) => (None, None),
            Self::One(waiter) => (Some(waiter), None),
            Self::Many(many) => (None, Some(many.entries)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

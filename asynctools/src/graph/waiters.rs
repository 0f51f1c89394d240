//! Those who wait for the end of a call.

use std::sync::Arc;

use crate::error::TaskError;
use crate::graph::traits::Waiter;

/// Those who wait for the end of a call; most have one at most.
#[derive(Default)]
pub(crate) enum Waiters<T> {
    #[default]
    None,
    One(WaiterKind<T>),
    #[expect(clippy::box_collection, reason = "a `Vec` in here would make every call 8 bytes larger")]
    Many(Box<Vec<WaiterKind<T>>>),
}

pub(crate) enum WaiterKind<T> {
    Plain(Waiter),
    /// Clones the result. Served before anybody can take it.
    Lend(Arc<dyn Lend<T>>),
    /// Is called if the owner of the handle cancels a call that was handed over.
    Cancel(CancelHook),
}

/// Tells who holds the promise of a call that its result is not wanted: whether the call never began and never will.
pub(crate) type CancelHook = Box<dyn FnOnce() -> bool + Send>;

/// Looks at a result, or at the loss of it.
pub(crate) type Look<'a, T> = dyn FnMut(Result<&T, &TaskError>) + 'a;

/// Takes a clone of a result, on the thread that ends the call, or at once if it has ended. Must not panic.
pub(crate) trait Lend<T>: Send + Sync {
    fn lend(self: Arc<Self>, outcome: Result<&T, &TaskError>);
}

impl<T> Waiters<T> {
    pub(crate) fn push(&mut self, waiter: WaiterKind<T>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(waiter),
            Self::One(first) => Self::Many(Box::new(vec![first, waiter])),
            Self::Many(mut all) => {
                all.push(waiter);
                Self::Many(all)
            }
        };
    }

    /// Takes out those that `which` finds.
    pub(crate) fn extract(&mut self, which: impl Fn(&WaiterKind<T>) -> bool) -> Vec<WaiterKind<T>> {
        match self {
            Self::None => Vec::new(),
            Self::One(waiter) if !which(waiter) => Vec::new(),
            Self::One(_) => std::mem::take(self).into_iter().collect(),
            Self::Many(all) => all.extract_if(.., |waiter| which(waiter)).collect(),
        }
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = WaiterKind<T>> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(waiter) => (Some(waiter), None),
            Self::Many(all) => (None, Some(all)),
        };
        one.into_iter().chain(many.into_iter().flat_map(|all| *all))
    }
}

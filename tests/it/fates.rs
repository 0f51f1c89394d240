//! Calls that end as a test says, when it says.

use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;

/// How a call ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Value,
    Panicked,
    Cancelled,
    Abandoned,
    Closed,
}

impl Fate {
    pub(crate) const ALL: [Self; 5] = [Self::Value, Self::Panicked, Self::Cancelled, Self::Abandoned, Self::Closed];
    pub(crate) const LOSSES: [Self; 4] = [Self::Panicked, Self::Cancelled, Self::Abandoned, Self::Closed];

    /// What a dependant's error calls it.
    pub(crate) fn of(error: &TaskError) -> Option<Self> {
        match error.root() {
            TaskError::Panicked(panic) if panic.message() == "no luck" => Some(Self::Panicked),
            TaskError::Cancelled => Some(Self::Cancelled),
            TaskError::Abandoned => Some(Self::Abandoned),
            TaskError::Closed => Some(Self::Closed),
            _ => None,
        }
    }

    /// A call that ends so when [`End::now`] says: after that it has ended. Runs on a pool of its own.
    pub(crate) fn call<T: Send + 'static>(self, value: T) -> (AsyncValue<T>, End) {
        let pool = Pool::new(0);
        // The drop of a pool returns when its calls have ended.
        match self {
            Self::Value => {
                let call = pool.spawn(|| value);
                (call, End::new(move || pool.set_workers(1)))
            }
            Self::Panicked => {
                let call = pool.spawn(|| panic!("no luck"));
                (call, End::new(move || pool.set_workers(1)))
            }
            Self::Cancelled => {
                let call = pool.spawn(|| value);
                (call, End::new(move || assert_eq!(pool.cancel_queued(), 1)))
            }
            Self::Closed => {
                let call = pool.spawn(|| value);
                (call, End::new(move || pool.close()))
            }
            Self::Abandoned => {
                let (promise, value) = AsyncValue::promise();
                (value, End::new(move || drop(promise)))
            }
        }
    }
}

pub(crate) struct End(Box<dyn FnOnce() + Send>);

impl End {
    fn new(end: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(end))
    }

    pub(crate) fn now(self) {
        (self.0)();
    }
}

//! The engine behind `#[celery]` of the crate `asynctools`: a client and a worker of Celery on Redis.
//!
//! A program uses this crate through the feature `celery` of `asynctools`; `CELERY.md` in the repository lists the
//! promises. On its own this crate knows no handles and no pools: a call ends in a closure, and a worker runs its calls
//! on [`Threads`].

// Ground floor first: each module imports only from those above it.
mod wire;
mod error;
mod message;
mod codec;
mod broker;
mod store;
mod registry;
mod client;
mod worker;
mod control;
mod serve;
mod local;
#[cfg(test)]
mod recorded;

/// The items that expansions of `#[celery]` name. Not for programs: they change without notice.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use serde::de::DeserializeOwned;

    pub use crate::codec::Codec;
    pub use crate::codec::by_reference;
    pub use crate::codec::by_value;
    pub use crate::codec::bytes;
    pub use crate::codec::list;
    pub use crate::codec::text;
    pub use crate::registry::result_with;
    pub use crate::registry::take_with;
    pub use crate::registry::value_with;
}

pub use crate::client::app::App;
pub use crate::client::app::AppBuilder;
pub use crate::client::call::Call;
pub use crate::client::call::CallOptions;
pub use crate::client::check::QueueCheck;
pub use crate::client::ticket::Ticket;
pub use crate::error::RemoteError;
pub use crate::error::RemoteErrorKind;
pub use crate::error::WorkerError;
pub use crate::message::arguments::Arguments;
pub use crate::message::arguments::BadArguments;
pub use crate::registry::Entry;
pub use crate::registry::Failure;
pub use crate::registry::Task;
pub use crate::registry::TaskOptions;
pub use crate::registry::result;
pub use crate::registry::value;
pub use crate::serve::worker::Worker;
pub use crate::store::Answer;
pub use crate::wire::values::Bytes;
pub use crate::wire::values::Date;
pub use crate::wire::values::DateTime;
pub use crate::wire::values::Decimal;
pub use crate::wire::values::Time;
pub use crate::wire::values::Uuid;
pub use crate::worker::threads::Threads;

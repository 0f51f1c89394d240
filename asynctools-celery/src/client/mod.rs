//! The side that calls: three threads for each client, which begin with its first call.

pub(crate) mod call;
pub(crate) mod pending;
pub(crate) mod outbox;
pub(crate) mod shared;
pub(crate) mod sender;
pub(crate) mod listener;
pub(crate) mod sweeper;
pub(crate) mod check;
pub(crate) mod engine;
pub(crate) mod ticket;
pub(crate) mod app;

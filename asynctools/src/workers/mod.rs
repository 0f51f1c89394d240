//! The inside of a pool: who runs its calls.

pub(crate) mod config;
pub(crate) mod state;
pub(crate) mod inner;
pub(crate) mod control;
pub(crate) mod serve;
pub(crate) mod blocking;

//! The inside of a pool, where workers run the calls.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod config;
pub(crate) mod queue;
pub(crate) mod bound;
pub(crate) mod state;
pub(crate) mod inner;
pub(crate) mod run_count;
pub(crate) mod permits;
pub(crate) mod lend;
pub(crate) mod control;
pub(crate) mod idle;
pub(crate) mod time_slice;
pub(crate) mod serve;
pub(crate) mod blocking;

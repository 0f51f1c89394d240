//! What a call, a pool and a waiting thread are to each other, without their types.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod traits;
pub(crate) mod registry;
pub(crate) mod notify;
pub(crate) mod agenda;
pub(crate) mod current;
pub(crate) mod waiters;
pub(crate) mod node;
pub(crate) mod wait;

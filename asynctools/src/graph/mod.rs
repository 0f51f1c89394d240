//! The graph of calls, without their types: ends, waits, and the way of an end to all who wait.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod traits;
pub(crate) mod few;
pub(crate) mod registry;
pub(crate) mod blocked;
pub(crate) mod stop;
pub(crate) mod serial;
pub(crate) mod lineage;
pub(crate) mod later;
pub(crate) mod notify;
pub(crate) mod waiters;
pub(crate) mod agenda;
pub(crate) mod look;
pub(crate) mod current;
pub(crate) mod wait;
pub(crate) mod lose;
pub(crate) mod work;
pub(crate) mod slot;
pub(crate) mod head;
pub(crate) mod state;
pub(crate) mod node;

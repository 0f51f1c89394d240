//! Redis: connections, addresses, the names of keys, and the scripts that change several of them in one step.

pub(crate) mod connection;
pub(crate) mod address;
pub(crate) mod keys;
pub(crate) mod scripts;

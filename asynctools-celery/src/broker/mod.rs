//! Redis: connections, addresses, the names of keys, and the scripts to change several keys in a single step.

pub(crate) mod connection;
pub(crate) mod address;
pub(crate) mod keys;
pub(crate) mod scripts;

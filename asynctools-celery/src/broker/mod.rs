//! Redis: connections, addresses, the names of keys, and the scripts to change several keys in a single step.

pub(crate) mod connection;
#[cfg(feature = "tls")]
pub(crate) mod tls;
pub(crate) mod address;
pub(crate) mod keys;
pub(crate) mod ask;
pub(crate) mod scripts;

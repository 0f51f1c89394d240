//! The bytes of a message, in both directions. Pure: nothing in this room knows a transport.

pub(crate) mod time;
pub(crate) mod json;
pub(crate) mod values;
pub(crate) mod envelope;

//! What a program holds of a call: one result, one to set, one for many readers, many at once.

pub(crate) mod value;
pub(crate) mod promise;
pub(crate) mod shared;
pub(crate) mod as_completed;
pub(crate) mod list;

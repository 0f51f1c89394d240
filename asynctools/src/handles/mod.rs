//! The handles that a program holds of its calls: one result, one to set, one for many readers, many at once.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod value;
pub(crate) mod promise;
pub(crate) mod shared;
pub(crate) mod completions;
pub(crate) mod list;
pub(crate) mod as_completed;
pub(crate) mod results;
pub(crate) mod first;
pub(crate) mod window;

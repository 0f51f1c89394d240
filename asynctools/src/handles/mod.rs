//! The handles of a program to its calls: a result, a value to set, a result for many readers, many calls at once.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod value;
pub(crate) mod promise;
pub(crate) mod polled;
pub(crate) mod kept;
pub(crate) mod shared;
pub(crate) mod completions;
pub(crate) mod list;
pub(crate) mod stop;
pub(crate) mod as_completed;
pub(crate) mod results;
pub(crate) mod first;
pub(crate) mod window;
pub(crate) mod fallible_window;
#[cfg(feature = "stream")]
pub(crate) mod stream;

//! Pictures of recorded calls: what a recording knows, and how others draw it.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod calls;
pub(crate) mod words;
pub(crate) mod chrome;
pub(crate) mod dot;
pub(crate) mod layout;
pub(crate) mod svg;
pub(crate) mod file;

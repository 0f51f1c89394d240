//! The arguments of a call: what may be passed, and how an argument that is still to come arrives.

// Ground floor first: each room imports from those above it in this list only.
pub(crate) mod bounds;
pub(crate) mod incoming;
pub(crate) mod source;
pub(crate) mod shared;
pub(crate) mod cloned;
pub(crate) mod input;
pub(crate) mod work;
pub(crate) mod arg;

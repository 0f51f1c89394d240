//! What may be passed to a call, and how an argument that is still to come arrives.

pub(crate) mod bounds;
pub(crate) mod input;
pub(crate) mod task;
pub(crate) mod cloned;
pub(crate) mod source;
pub(crate) mod arg;

//! The side of a worker: messages are taken, run, and ended.

pub(crate) mod entry;
pub(crate) mod link;
pub(crate) mod threads;
pub(crate) mod shared;
pub(crate) mod panics;
pub(crate) mod end;
pub(crate) mod run;
pub(crate) mod fetch;
pub(crate) mod keeper;

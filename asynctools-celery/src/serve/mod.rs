//! A worker as a program has it.

pub(crate) mod checks;
pub(crate) mod signals;
pub(crate) mod worker;

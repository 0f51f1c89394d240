//! Random programs: pools, calls that need each other, the steps of their bodies, and the acts of the threads that hold the
//! handles and the pools. No program deadlocks by its own fault:
//!
//! - bodies wait only for calls that they make, and for promises that a thread sets which never blocks;
//! - only one thread pauses pools; that thread never blocks either, and leaves every pool with workers;
//! - no body waits for the end of another pool without a time limit.

pub mod plan;
mod complete;
pub(crate) mod draw;

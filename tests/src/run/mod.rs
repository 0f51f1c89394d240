//! Runs a program, and compares what happens with what may happen.

pub(crate) mod state;
mod edges;
mod frame;
mod hooks;
mod work;
mod functions;
mod make;
mod owners;
mod bodies;
mod wakers;
mod finish;
mod lists;
mod operate;
mod users;
mod check;
mod crowds;
mod storms;
pub(crate) mod execute;

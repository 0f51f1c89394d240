//! Runs a program, and compares what happens with what may happen.

pub(crate) mod state;
mod edges;
mod frame;
mod work;
mod functions;
mod make;
mod bodies;
mod finish;
mod lists;
mod operate;
mod users;
mod check;
pub(crate) mod execute;

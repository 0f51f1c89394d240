//! Tests with real servers, on loopback: each starts its own and ends them by their ids.

mod runner;
mod servers;
mod proxy;
mod interop;
mod languages;
mod crash;
mod taking;
mod load;
mod attribute;
mod tls;
mod start;

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::run(&[
        interop::TESTS,
        languages::TESTS,
        crash::TESTS,
        taking::TESTS,
        load::TESTS,
        attribute::TESTS,
        tls::TESTS,
        start::TESTS,
    ])
}

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
mod client_promises;
mod worker_promises;

use std::process::ExitCode;

fn main() -> ExitCode {
    // What mostly waits, or builds, goes first.
    runner::run(&[
        worker_promises::TESTS,
        client_promises::TESTS,
        start::TESTS,
        taking::TESTS,
        interop::TESTS,
        languages::TESTS,
        crash::TESTS,
        load::TESTS,
        attribute::TESTS,
        tls::TESTS,
    ])
}

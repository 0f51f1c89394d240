//! The same works by the runtime with and without the features that watch calls, where nobody watches. One binary has one set of
//! features, so other programs do the works: `tests/instructions/src/bin/turns.rs`, built twice, with a target folder for each set.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::measure::Against;
use crate::measure::Scale;
use crate::measure::Work;
use crate::program::Program;

/// What the names of these works begin with.
pub(crate) const NAME: &str = "features";

const PLAIN: &str = "no features";
const IDLE: &str = "all features, nobody watches";
const FILTERED: &str = "`tracing`, level filtered out";

/// Starts a program that does works when it is told to.
fn start(program: &PathBuf, calls: u64, watched: &[&str]) -> Program {
    Program::start(Command::new(program).arg(calls.to_string()).args(watched))
}

/// Builds the program with these features, in a target folder of that name.
fn build(name: &str, features: &str) -> PathBuf {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join(name);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--release", "--package", "instructions", "--bin", "turns"]);
    command.args(["--features", features]).current_dir(&root).env("CARGO_TARGET_DIR", &target);
    assert!(command.status().expect("cargo runs").success(), "the program with {features:?} cannot be built");
    target.join("release").join("turns")
}

/// Turns of the program with these features, which the first turn builds.
fn turns(
    target: &'static str,
    features: &'static str,
    watched: &'static [&'static str],
    calls: u64,
    work: &'static str,
) -> impl FnMut() -> f64 + 'static {
    let mut program = None;
    let calls_each = f64::from(u32::try_from(calls).expect("no work makes so many calls"));
    move || program.get_or_insert_with(|| start(&build(target, features), calls, watched)).turn(work) / calls_each
}

fn work(name: &'static str, word: &'static str, per: &'static str, calls: u64) -> Work {
    let featured = |watched| turns("with-features", "tracing,metrics,trace", watched, calls, word);
    Work::new(name, per)
        .ours(PLAIN, turns("without-features", "", &[], calls, word))
        .ours(IDLE, featured(&[]))
        .ours(FILTERED, featured(&["filtered"]))
        .bar(IDLE, Against::System(PLAIN), 1.05)
        .bar(FILTERED, Against::System(PLAIN), 1.05)
}

pub(crate) fn batch(scale: Scale) -> Work {
    work("features: batch, one producer", "batch", "call", scale.calls(200_000))
}

pub(crate) fn graph(scale: Scale) -> Work {
    work("features: random graph", "graph", "node", scale.calls(100_000))
}

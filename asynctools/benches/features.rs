//! The same works by the runtime with and without the features that watch calls, where nobody watches. One binary has one set of
//! features, so other programs do the works: `tests/instructions/src/bin/turns.rs`, built twice, with a target folder for each set.

use std::env;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use crate::measure::Against;
use crate::measure::Scale;
use crate::measure::Work;

/// What the names of these works begin with.
pub(crate) const NAME: &str = "features";

const PLAIN: &str = "no features";
const IDLE: &str = "all features, nobody watches";
const FILTERED: &str = "`tracing`, level filtered out";

/// How many free bytes a program keeps: more than it ever uses.
const KEPT: &str = "1000000000";

/// A program that does works when it is told to.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    calls: u64,
}

impl Program {
    fn start(program: &PathBuf, calls: u64, watched: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.arg(calls.to_string()).args(watched).stdin(Stdio::piped()).stdout(Stdio::piped());
        // glibc gives the end of its heap back to the system, or does not, by what happens to lie there, which the size of a node
        // decides. With this it keeps all, so that the rounds compare what the features do, and not page faults.
        command.env("MALLOC_TRIM_THRESHOLD_", KEPT).env("MALLOC_TOP_PAD_", KEPT);
        let mut child = command.spawn().expect("it was just built");
        let (input, output) = (child.stdin.take(), child.stdout.take().expect("it is piped"));
        Self { child, input, output: BufReader::new(output), calls }
    }

    /// Has the work done once: nanoseconds per call.
    fn turn(&mut self, work: &str) -> f64 {
        let input = self.input.as_mut().expect("it is kept until the end");
        writeln!(input, "{work}").expect("the program listens");
        let mut answer = String::new();
        self.output.read_line(&mut answer).expect("the program answers");
        let nanos: u32 = answer.trim().parse().expect("the answer is a number");
        f64::from(nanos) / f64::from(u32::try_from(self.calls).expect("no work makes so many calls"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The end of its input is the end of the program.
        drop(self.input.take());
        let _ = self.child.wait();
    }
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
    move || program.get_or_insert_with(|| Program::start(&build(target, features), calls, watched)).turn(work)
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

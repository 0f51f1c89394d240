//! asynctools beside its peers: `cargo bench --bench peers` from the root.
//!
//! All systems take turns inside each round, so that a machine that drifts does so under all of them, and a ratio is
//! taken within a round. Each system has a process of its own, with its own heap: in one process a system finds the
//! memory that another one has got from the operating system. The program ends with 1 if a bar is missed by more than a
//! quartile of the rounds. Options, after `--`:
//!
//! - `--short`: few rounds of small counts, without a verdict: whether it all works.
//! - `--only NAME`: only the works with that in their names.
//! - `--rounds N`: so many rounds.
//! - `--svg PATH`: draws a picture, relative to the folder of this file.
//! - `--before PATH`: measures our systems beside those of another build of this program, in the same rounds.

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;

use crate::measure::Builds;
use crate::measure::Scale;
use crate::measure::Work;
use crate::program::Program;
use crate::quartiles::Verdict;

mod quartiles;
mod table;
mod program;
mod measure;
mod systems;
mod calls;
mod threads;
mod random_graph;
mod graphs;
mod windows;
mod growth;
mod ping;
mod features;
mod memory;
mod report;
mod picture;

/// A work, and in how many rounds it is measured: more where it is short.
type Plan = (fn(Scale) -> Work, usize);

const WORKS: [Plan; 22] = [
    (calls::batch, 21),
    (calls::producers, 21),
    (calls::row, 41),
    (calls::rested, 21),
    (calls::awaited, 41),
    (calls::sleeps, 21),
    (threads::burst, 21),
    (threads::cold, 21),
    (graphs::fan, 21),
    (graphs::chain, 21),
    (graphs::random, 21),
    (graphs::nested, 11),
    (windows::windows, 21),
    (growth::pending, 21),
    (growth::workers, 21),
    (growth::producers, 21),
    (growth::lists, 7),
    (growth::many_pools, 5),
    (growth::blocked, 21),
    (ping::pings, 11),
    (features::batch, 41),
    (features::graph, 41),
];

const WAITING: &str = "waiting `fn() -> u64`";

const WINDOWS: &str = "windows: memory";

#[derive(Default)]
struct Options {
    short: bool,
    only: Option<String>,
    rounds: Option<usize>,
    svg: Option<PathBuf>,
    before: Option<PathBuf>,
    /// This process takes the turns of that system at the work with that number.
    turns: Option<(usize, String)>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` needs a value"));
            match argument.as_str() {
                // What `cargo bench` says to every program.
                "--bench" => {}
                "--short" => options.short = true,
                "--only" => options.only = Some(value()?),
                "--rounds" => options.rounds = Some(value()?.parse().map_err(|error| format!("`--rounds`: {error}"))?),
                "--svg" => options.svg = Some(value()?.into()),
                "--before" => options.before = Some(value()?.into()),
                TURNS => {
                    let work = value()?.parse().map_err(|error| format!("`{TURNS}`: {error}"))?;
                    options.turns = Some((work, value()?));
                }
                other => {
                    return Err(format!(
                        "`{other}` is no option; there are --short, --only, --rounds, --svg and --before"
                    ));
                }
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if let [Some(option), Some(system)] = [env::args().nth(1), env::args().nth(2)]
        && option == threads::COLD
    {
        threads::first_call(&system);
        return ExitCode::SUCCESS;
    }
    match Options::parse(&mut arguments) {
        Ok(options) => run(&options),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// How the `blocking` crate is told the size of its pool, which is 500 otherwise.
const BLOCKING_THREADS: &str = "BLOCKING_MAX_THREADS";

/// How glibc is told how many free bytes to keep: more than a work ever uses. It gives the end of its heap back to the operating
/// system, or does not, by what happens to lie there, so that the same work would have page faults in one process, and none in the
/// next.
pub(crate) const KEPT: [&str; 2] = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"];
const KEPT_BYTES: &str = "1000000000";

/// The option by which this program, as a child, takes the turns of one system.
const TURNS: &str = "--turns";

/// Starts the process of one system.
fn start(program: &Path, options: &Options, work: usize, system: &str) -> Program {
    let mut command = Command::new(program);
    command.args([TURNS, &work.to_string(), system]).env(BLOCKING_THREADS, systems::cores().to_string());
    command.envs(KEPT.map(|name| (name, KEPT_BYTES)));
    if options.short {
        command.arg("--short");
    }
    Program::start(&mut command)
}

fn run(options: &Options) -> ExitCode {
    let scale = Scale { divisor: if options.short { 50 } else { 1 } };
    if let Some((work, system)) = &options.turns {
        let (work, _) = WORKS[*work];
        work(scale).take_turns(system);
        return ExitCode::SUCCESS;
    }
    let mut rows = Vec::new();
    // First of all, while the process has kept no memory of other works.
    if options.wants(WINDOWS) {
        rows.extend(windows::memory(scale));
    }
    if options.wants(growth::MANY_POOLS) {
        rows.extend(growth::memory(scale));
    }
    let now = env::current_exe().expect("the system knows its programs");
    let builds = Builds { now, before: options.before.clone() };
    let mut all = Vec::new();
    for (number, (work, rounds)) in WORKS.into_iter().enumerate() {
        let rounds = options.rounds.unwrap_or(if options.short { 2 } else { rounds });
        let work = work(scale);
        // Those build two programs, and check nothing that a small count could show.
        let is_left_out = options.short && work.name.starts_with(features::NAME);
        if is_left_out || !options.wants(work.name) {
            continue;
        }
        let measured = work.measure(rounds, &builds, |build, system| start(build, options, number, system));
        report::work(&measured);
        rows.extend(measured.rows());
        all.push(measured);
    }
    if options.wants(WAITING) {
        let memory = memory::measure();
        report::memory(&memory);
        rows.extend(memory::rows(&memory));
    }
    let missed = rows.iter().any(|row| row.verdict == Some(Verdict::Missed));
    report::bars(rows, !options.short);
    // Last of all: a picture that cannot be written costs no figures.
    if let Some(path) = &options.svg {
        picture::draw(path, &all).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    if missed && !options.short { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

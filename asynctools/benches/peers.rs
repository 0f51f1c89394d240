//! asynctools beside its peers: `cargo bench --bench peers` from the root.
//!
//! All systems take turns inside each round, so that a machine that drifts does so under all of them, and a ratio is
//! taken within a round. The program ends with 1 if a bar is missed by more than a quartile of the rounds. Options, after
//! `--`:
//!
//! - `--short`: few rounds of small counts, without a verdict: whether it all works.
//! - `--only NAME`: only the works with that in their names.
//! - `--rounds N`: so many rounds.
//! - `--svg PATH`: draws a picture, relative to the folder of this file.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;

use crate::measure::Scale;
use crate::measure::Work;
use crate::quartiles::Verdict;

mod quartiles;
mod table;
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
    (windows::windows, 5),
    (growth::pending, 21),
    (growth::workers, 21),
    (growth::producers, 21),
    (growth::lists, 5),
    (growth::many_pools, 5),
    (growth::blocked, 5),
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
                other => return Err(format!("`{other}` is no option; there are --short, --only, --rounds and --svg")),
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
    if env::var_os(BLOCKING_THREADS).is_none() {
        return again();
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

/// Runs this program again, with as many threads for `blocking` as the others have.
fn again() -> ExitCode {
    let program = env::current_exe().expect("the system knows its programs");
    let mut command = Command::new(program);
    let status = command.args(env::args_os().skip(1)).env(BLOCKING_THREADS, systems::cores().to_string()).status();
    let code = status.expect("the program runs").code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn run(options: &Options) -> ExitCode {
    let divisor = if options.short { 50 } else { 1 };
    let mut rows = Vec::new();
    // First of all, while the process has kept no memory of other works.
    if options.wants(WINDOWS) {
        rows.extend(windows::memory(Scale { rounds: 1, divisor }));
    }
    if options.wants(growth::MANY_POOLS) {
        rows.extend(growth::memory(Scale { rounds: 1, divisor }));
    }
    let mut all = Vec::new();
    for (work, rounds) in WORKS {
        let rounds = options.rounds.unwrap_or(if options.short { 2 } else { rounds });
        let scale = Scale { rounds, divisor };
        let work = work(scale);
        // Those build two programs, and check nothing that a small count could show.
        let is_left_out = options.short && work.name.starts_with(features::NAME);
        if is_left_out || !options.wants(work.name) {
            continue;
        }
        let measured = work.measure(scale);
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

//! Random programs against an oracle, for any time: `cargo run --release -p tests --bin soak -- --minutes N`.
//!
//! `--seed S` draws the same programs again, `--program K` runs one of them again and again, `--threads T` runs so many
//! side by side. `--shrink 1` looks for a smaller program when one goes wrong, `--without
//! hooks,wakers,waits,owners,crowds,storms` leaves out parts of the programs, and `--scarce 1` has the system refuse threads.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tests::program::plan::Features;
use tests::soak::Soak;
use tests::soak::soak;
use tests::tally::Tally;
use tests::watch::leave_room;

const USAGE: &str = "soak [--minutes N] [--seed S] [--program K] [--threads T] [--shrink 1] [--scarce 1] [--without FEATURE,..]\nfeatures: hooks, wakers, waits, owners, crowds, storms";

/// The address space for threads with `--scarce`: a pool thread takes 256 or 512 MiB.
const ROOM: usize = 3 << 30;

struct Options {
    time: Duration,
    soak: Soak,
}

fn options() -> Result<Options, String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let soak = Soak { seed: clock, program: None, lanes: 1, shrink: false, features: Features::ALL, scarce: false };
    let mut options = Options { time: Duration::from_secs(60), soak };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        let wrong = || format!("`{name} {value}` is not a number that fits");
        let number = || value.parse::<u64>().map_err(|_| wrong());
        match name.as_str() {
            "--minutes" => {
                let minutes = value.parse::<f64>().map_err(|_| wrong())?;
                options.time = Duration::try_from_secs_f64(minutes * 60.0).map_err(|_| wrong())?;
            }
            "--seed" => options.soak.seed = number()?,
            "--program" => options.soak.program = Some(number()?),
            "--threads" => options.soak.lanes = value.parse().map_err(|_| wrong())?,
            "--scarce" => options.soak.scarce = number()? > 0,
            "--shrink" => options.soak.shrink = number()? > 0,
            "--without" => {
                for feature in value.split(',') {
                    let without = options.soak.features.without(feature);
                    options.soak.features = without.ok_or_else(|| format!("there is no feature `{feature}`"))?;
                }
            }
            _ => return Err(format!("`{name}` is unknown")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let Options { time, soak: plan } = match options() {
        Ok(options) => options,
        Err(what) => {
            eprintln!("{what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!("seed {}", plan.seed);
    if plan.scarce && !leave_room(ROOM) {
        println!("skipped: this system has no way to limit the address space");
        return ExitCode::SUCCESS;
    }
    let tally = Arc::new(Tally::default());
    let start = Instant::now();
    let mut minutes = 0;
    let end = soak(plan, &tally, || {
        if start.elapsed().as_secs() / 60 > minutes {
            minutes = start.elapsed().as_secs() / 60;
            println!("{minutes} min: {tally}");
        }
        start.elapsed() < time
    });
    println!("{:.1} s: {tally}", start.elapsed().as_secs_f64());
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(report) => {
            println!("{report}");
            ExitCode::FAILURE
        }
    }
}

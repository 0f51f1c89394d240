//! Random programs against an oracle, for any time: `cargo run --release -p tests --bin soak -- --minutes N`.
//!
//! `--seed S` draws the same programs again, `--program K` runs one of them again and again, `--threads T` runs so many
//! side by side.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tests::soak::Soak;
use tests::soak::soak;
use tests::tally::Tally;

const USAGE: &str = "soak [--minutes N] [--seed S] [--program K] [--threads T]";

struct Options {
    time: Duration,
    soak: Soak,
}

fn options() -> Result<Options, String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut options =
        Options { time: Duration::from_secs(60), soak: Soak { seed: clock, program: None, lanes: 1, shrink: false } };
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

//! Runs tests that need what not every machine has.
//!
//! `cargo test` passes where the servers are missing, and one line says how many tests were left out. With `CELERY_SERVERS=all`
//! in the environment, as in a stage of `.ci/run`, a missing server is a failure; with `CELERY_SERVERS=none` no server is asked for.
//! An argument runs the tests whose names contain it.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use crate::servers;

/// What a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needs {
    Nothing,
    Redis,
    /// Redis, and Python with Celery.
    Python,
    /// Redis, and a clock that can be wrong.
    Faketime,
    /// Python, and a program that makes certificates.
    Openssl,
}

pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    pub(crate) run: fn(),
}

/// A list of tests, by what they need.
macro_rules! tests {
    ($($needs:ident: $($name:ident),* $(,)?;)*) => {
        &[$($($crate::runner::Test {
            name: concat!(module_path!(), "::", stringify!($name)),
            needs: $crate::runner::Needs::$needs,
            run: $name,
        }),*),*]
    };
}
pub(crate) use tests;

pub(crate) fn run(groups: &[&'static [Test]]) -> ExitCode {
    let mut wanted = Vec::new();
    let mut threads = 3;
    let mut args = std::env::args().skip(1);
    let mut list = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => list = true,
            "--test-threads" => threads = args.next().and_then(|n| n.parse().ok()).unwrap_or(threads),
            // The rest is libtest's.
            flag if flag.starts_with('-') => {}
            filter => wanted.push(filter.to_owned()),
        }
    }
    let all = groups.iter().copied().flatten();
    let chosen = all.filter(|test| wanted.is_empty() || wanted.iter().any(|filter| test.name.contains(filter)));
    let chosen: Vec<_> = chosen.collect();
    if list {
        for test in &chosen {
            println!("{}: test", test.name);
        }
        return ExitCode::SUCCESS;
    }
    let asked = std::env::var_os("CELERY_SERVERS");
    let may_have = asked.as_ref().is_none_or(|asked| asked != "none");
    let have_python = || servers::redis_server().is_some() && servers::python().is_some();
    let have = |needs| match needs {
        Needs::Nothing => true,
        _ if !may_have => false,
        Needs::Redis => servers::redis_server().is_some(),
        Needs::Python => have_python(),
        Needs::Openssl => have_python() && servers::program("openssl").is_some(),
        Needs::Faketime => servers::redis_server().is_some() && servers::program("faketime").is_some(),
    };
    let (here, missing): (Vec<_>, Vec<_>) = chosen.into_iter().partition(|test| have(test.needs));
    let failed = run_on_threads(&here, threads);
    println!("celery: {} passed, {} failed", here.len() - failed.len(), failed.len());
    for name in &failed {
        println!("    {name}");
    }
    let required = asked.is_some() && may_have;
    if !missing.is_empty() {
        println!(
            "celery: {} tests left out: `tests/celery/servers` installs the servers that they need",
            missing.len()
        );
    }
    if failed.is_empty() && (missing.is_empty() || !required) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_on_threads(tests: &[&Test], threads: usize) -> Vec<&'static str> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let start = Instant::now();
                    let passed = catch_unwind(test.run).is_ok();
                    let word = if passed { "ok" } else { "FAILED" };
                    println!("test {} ... {word} ({:.1} s)", test.name, start.elapsed().as_secs_f64());
                    if !passed {
                        failed.lock().expect("no test holds it").push(test.name);
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no test holds it")
}

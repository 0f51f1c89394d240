//! Random programs against an oracle, for about ten seconds. The `soak` binary does the same for any time.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tests::program::plan::Features;
use tests::soak::Soak;
use tests::soak::soak;
use tests::tally::Tally;

/// So many programs of each seed at least, however slow the machine.
const LEAST: u64 = 200;

#[test]
fn programs_end_as_they_must() {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let tally = Arc::new(Tally::default());
    for seed in [1, 2, 3, clock] {
        println!("seed {seed}");
        let start = Instant::now();
        let before = tally.programs.load(Ordering::Relaxed);
        let time = Duration::from_millis(2400);
        let plan = Soak { seed, program: None, lanes: 1, shrink: true, features: Features::ALL, scarce: false };
        let end =
            soak(plan, &tally, || start.elapsed() < time || tally.programs.load(Ordering::Relaxed) < before + LEAST);
        end.unwrap_or_else(|report| panic!("{report}"));
    }
    println!("{tally}");
    let seen = |name: &str, counter: &AtomicU64| {
        assert!(counter.load(Ordering::Relaxed) > 0, "never seen: {name}; {tally}");
    };
    seen("a value", &tally.values);
    seen("an error", &tally.errors);
    seen("a panic", &tally.panics);
    seen("a cancellation", &tally.cancellations);
    seen("a rejection", &tally.rejections);
    seen("a closed pool", &tally.closed);
    seen("a dropped promise", &tally.abandoned);
    seen("a loss that crossed an edge", &tally.upstream);
    seen("a pause", &tally.pauses);
    seen("a pause that held", &tally.probes);
    seen("a closing", &tally.closes);
    seen("a wait that was too short", &tally.timed_out);
    seen("user code that the runtime ran", &tally.hooks);
    seen("a waker that does more than wake", &tally.wakers);
    seen("a wait for an earlier call", &tally.awaits);
    seen("a pool that calls own", &tally.owners);
    seen("a crowd", &tally.crowds);
    seen("a storm", &tally.storms);
    seen("a call inside of a wait", &tally.inline);
    seen("a call run by its caller", &tally.guests);
    seen("a ceiling held to the letter", &tally.exact);
    seen("a ceiling reached", &tally.full);
}

/// In a process that has room for few threads: the soak binary.
#[test]
fn programs_end_when_threads_are_refused() {
    let soak =
        Command::new(env!("CARGO_BIN_EXE_soak")).args(["--scarce", "1", "--seed", "1", "--minutes", "0.06"]).output();
    let soak = soak.expect("a test can start a process");
    let said = String::from_utf8_lossy(&soak.stdout);
    println!("{said}");
    assert!(soak.status.success(), "{}: {}", soak.status, String::from_utf8_lossy(&soak.stderr));
    let refused = !said.contains(" 0 refusals") || said.contains("skipped");
    assert!(refused, "the system refused no thread");
}

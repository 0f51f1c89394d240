//! Pools under `shuttle`: each test runs thousands of times, and each run has another order of what the threads do. The checker
//! reports a hang as a deadlock, and time passes at random. A failure prints its schedule: store the schedule in a file and name
//! the file in `MODEL_REPLAY` to run the same order again. `MODEL_SCHEDULES` sets how often each test runs with each scheduler.

mod helpers;

mod submit;
mod waits;
mod lending;
mod resize;
mod ends;
mod full;
mod cancel;
mod lists;
mod results;
mod rows;
mod closing;

use shuttle::Config;
use shuttle::Runner;
use shuttle::scheduler::PctScheduler;
use shuttle::scheduler::RandomScheduler;

/// The files with the models, as text: a test counts the models.
const ROOMS: &[&str] = &[
    include_str!("submit.rs"),
    include_str!("waits.rs"),
    include_str!("lending.rs"),
    include_str!("resize.rs"),
    include_str!("ends.rs"),
    include_str!("full.rs"),
    include_str!("cancel.rs"),
    include_str!("lists.rs"),
    include_str!("results.rs"),
    include_str!("rows.rs"),
    include_str!("closing.rs"),
];

/// Returns how often the environment says that a scheduler runs a test.
fn schedules() -> Option<usize> {
    std::env::var("MODEL_SCHEDULES").ok().map(|number| number.parse().expect("a number"))
}

/// The number of preemptions that PCT tries to insert.
const DEPTH: usize = 3;

/// How often each scheduler runs a test that is not checked [`thoroughly`].
const USUAL: usize = 2_000;
/// How often each scheduler runs a test that is: the models of lent permits and of the ends of pools.
const THOROUGH: usize = 50_000;

fn check(test: fn()) {
    check_times(test, schedules().unwrap_or(USUAL));
}

fn thorough() -> usize {
    schedules().map_or(THOROUGH, |times| 5 * times)
}

/// As `check`, with more schedules: five times as many as the environment says.
fn thoroughly(test: fn()) {
    check_times(test, thorough());
}

fn check_times(test: fn(), times: usize) {
    if let Ok(path) = std::env::var("MODEL_REPLAY") {
        return shuttle::replay_from_file(test, path);
    }
    let mut config = Config::new();
    // All threads of a model have this stack. The stack size of a pool only decides which waits run calls inline.
    config.stack_size = 256 * 1024;
    config.silence_warnings = true;
    assert_eq!(Runner::new(RandomScheduler::new(times), config.clone()).run(test), times);
    assert_eq!(Runner::new(PctScheduler::new(DEPTH, times), config).run(test), times);
}

#[test]
fn the_schedules_are_many() {
    let tests = ROOMS.iter().map(|room| room.matches("\n    check(||").count()).sum::<usize>();
    let times = schedules().unwrap_or(USUAL);
    assert!(tests * 2 * times >= 100_000, "{tests} tests run {times} times with each scheduler");
    assert!(2 * thorough() >= 100_000, "the thorough ones run {} times with each scheduler", thorough());
}

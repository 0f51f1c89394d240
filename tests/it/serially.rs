//! The tests of this binary in serial mode: all pass but those on a list, each with the reason why it needs threads.

#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// A test in each line, or `room::*` for all of a room, then a colon and the reason.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/needs_threads.txt");

/// How long all tests together may take, also on a busy machine: no hang outlives this.
const LIMIT: Duration = Duration::from_secs(420);

/// A line of the list.
struct Exception {
    name: String,
    reason: String,
}

impl Exception {
    fn covers(&self, test: &str) -> bool {
        self.name.strip_suffix('*').map_or(self.name == test, |room| test.starts_with(room))
    }
}

fn exceptions() -> Vec<Exception> {
    let list = fs::read_to_string(LIST).expect("the list can be read");
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let exception = |line: &str| {
        let (name, reason) = line.split_once(": ").unwrap_or_else(|| panic!("`{line}` gives no reason"));
        Exception { name: name.to_owned(), reason: reason.to_owned() }
    };
    lines.map(exception).collect()
}

fn this_binary() -> Command {
    Command::new(env::current_exe().expect("a test has a path"))
}

/// The names of all tests of this binary.
fn tests() -> Vec<String> {
    let listed = this_binary().arg("--list").output().expect("a test can start a process");
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[test]
fn each_line_of_the_list_names_tests_and_gives_a_reason() {
    let (tests, exceptions) = (tests(), exceptions());
    assert!(tests.len() > 500, "{} tests", tests.len());
    for Exception { name, reason } in &exceptions {
        assert!(reason.split(' ').count() > 3, "{name}: `{reason}` is no reason");
    }
    assert!(exceptions.is_sorted_by_key(|exception| &exception.name), "the list is not in order");
    for exception in &exceptions {
        assert!(tests.iter().any(|test| exception.covers(test)), "`{}` is no test", exception.name);
    }
    for test in &tests {
        let lines = exceptions.iter().filter(|exception| exception.covers(test)).count();
        assert!(lines < 2, "`{test}` is on the list {lines} times");
    }
}

#[test]
#[ignore = "runs most of this binary once more: `.ci/run serial`"]
fn what_needs_no_threads_passes() {
    let exceptions = exceptions();
    let (listed, mut left): (Vec<_>, Vec<_>) =
        tests().into_iter().partition(|test| exceptions.iter().any(|exception| exception.covers(test)));
    // It is ignored there.
    left.retain(|test| *test != crate::helpers::test_name(&|| ()));
    let mut command = this_binary();
    command.arg("--exact").env("ASYNCTOOLS_SERIAL", "1").stdout(Stdio::piped());
    command.args(listed.iter().flat_map(|test| ["--skip", test]));
    let mut child = command.spawn().expect("a test can start a process");
    let said = child.stdout.take().expect("it is piped");
    let (sender, lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        BufReader::new(said).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let (deadline, expected) = (Instant::now() + LIMIT, left.len());
    let mut result = String::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                left.retain(|test| !line.starts_with(&format!("test {test} ")));
                if line.starts_with("test result: ") {
                    result = line;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let killed = child.kill();
                panic!("after {LIMIT:?} these have not ended: {left:#?}; {killed:?}");
            }
        }
    }
    let status = child.wait().expect("it has ended");
    assert!(status.success(), "{status}: {result}; not ended: {left:?}");
    assert!(result.contains(&format!(" {expected} passed; 0 failed; 1 ignored;")), "not {expected} passed: {result}");
    assert!(reader.join().is_ok_and(|all| all.is_ok()));
}

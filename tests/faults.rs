//! Faults that end a process, each in a process of its own: it ends as it must, and none hangs.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const FAULTS: &str = env!("CARGO_BIN_EXE_faults");

const TICK: Duration = Duration::from_millis(50);
/// A minute. Ticks and not a time: while the machine stands still there are none.
const PATIENCE: u32 = 1200;

/// How a child has ended, and what it printed.
#[derive(Debug)]
struct End {
    status: ExitStatus,
    said: String,
    complained: String,
}

impl End {
    /// It went to its end, and said that.
    #[track_caller]
    fn survived(&self, said: &[&str]) {
        assert!(self.status.success(), "{self:#?}");
        assert_eq!(self.lines(), said, "{self:#?}");
    }

    #[track_caller]
    fn exited(&self, code: i32, said: &[&str]) {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        assert_eq!(self.lines(), said, "{self:#?}");
    }

    /// Rust ended it: it said so much before, and Rust why.
    #[track_caller]
    fn aborted(&self, said: &[&str], why: &str) {
        assert!(self.is_aborted(), "{self:#?}");
        assert_eq!(self.lines(), said, "{self:#?}");
        assert!(self.complained.contains(why), "{self:#?}");
    }

    fn lines(&self) -> Vec<&str> {
        self.said.lines().collect()
    }

    #[cfg(unix)]
    fn is_aborted(&self) -> bool {
        const SIGABRT: i32 = 6;
        std::os::unix::process::ExitStatusExt::signal(&self.status) == Some(SIGABRT)
    }

    #[cfg(not(unix))]
    fn is_aborted(&self) -> bool {
        !self.status.success()
    }
}

/// Runs it to its end. Fails if it hangs.
#[track_caller]
fn run(command: &mut Command) -> End {
    command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the system has a process for a child");
    let read = |mut pipe: Box<dyn Read + Send>| {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            pipe.read_to_end(&mut text).expect("a pipe can be read");
            let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
        });
        receiver
    };
    let said = read(Box::new(child.stdout.take().expect("it was asked for")));
    let complained = read(Box::new(child.stderr.take().expect("it was asked for")));
    let Some(said) = (0..PATIENCE).find_map(|_| said.recv_timeout(TICK).ok()) else {
        child.kill().expect("it is still there");
        let said = said.recv().expect("nobody else writes there");
        panic!("{command:?} hangs; it said {said:?} and {:?}", complained.recv());
    };
    let complained = complained.recv().expect("nobody else writes there");
    End { status: child.wait().expect("it is our child"), said, complained }
}

#[track_caller]
fn commit(fault: &str) -> End {
    run(Command::new(FAULTS).arg(fault))
}

#[test]
fn a_panic_is_an_outcome() {
    commit("panic").survived(&["a panic is an outcome, and 5 a value"]);
}

/// `panic = "abort"`: the same program, built so.
#[test]
fn or_aborts_where_the_profile_says_so() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abort");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--profile", "abort", "--package", "tests", "--bin", "faults"]);
    let built = command.arg("--target-dir").arg(&target).current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.is_ok_and(|status| status.success()), "the profile `abort` does not build");
    let faults = target.join("abort").join(format!("faults{}", std::env::consts::EXE_SUFFIX));
    run(Command::new(&faults).arg("nothing")).survived(&["nothing"]);
    run(Command::new(&faults).arg("panic")).aborted(&[], "no luck");
    // Other calls in the middle of everything hold up nothing.
    run(Command::new(&faults).arg("panic_while_busy")).aborted(&["panicking"], "no luck");
}

#[test]
fn a_panic_beside_everything_else() {
    commit("panic_while_busy").survived(&["panicking", "survived"]);
}

#[test]
fn a_drop_that_panics_while_unwinding_aborts() {
    commit("panic_while_unwinding").aborted(&["unwinding"], "panic in a destructor during cleanup");
}

#[test]
fn a_thread_local_that_panics_aborts() {
    commit("panic_in_a_thread_local").aborted(&["closing"], "thread local panicked on drop");
}

#[test]
fn a_hook_that_panics_aborts() {
    commit("hook_panics").aborted(&["panicking"], "thread panicked while processing panic");
}

#[test]
fn a_hook_may_exit() {
    commit("hook_exits").exited(9, &["the hook exits"]);
}

/// Five calls panic, and three results as they are dropped.
#[test]
fn a_hook_may_use_the_pool() {
    commit("hook_uses_the_pool").survived(&["5 lost, 8 hooks, [true, true, true]"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_stack_that_is_too_small_aborts() {
    commit("overflow").aborted(&["recursing"], "has overflowed its stack");
}

#[test]
fn a_call_may_exit() {
    commit("exit_in_a_call").exited(7, &["exits"]);
}

#[test]
fn many_calls_may_exit() {
    commit("exit_in_many_calls").exited(7, &["exits"]);
}

#[test]
fn main_may_exit_during_calls() {
    commit("exit_in_main").exited(7, &["exits"]);
}

#[test]
fn main_may_return_during_calls() {
    commit("main_returns").survived(&[]);
}

/// Not every system runs them then.
#[cfg(target_os = "linux")]
#[test]
fn the_thread_locals_of_a_call_that_exits_may_use_the_library() {
    commit("exit_runs_thread_locals").exited(7, &["exits", "at the end of the thread: 13", "kept"]);
}

#[cfg(target_os = "linux")]
#[test]
fn handles_and_pools_work_after_main() {
    const LINES: [&str; 9] = [
        "main returns",
        "a call: 5",
        "dataflow: 10",
        "a thread: 5",
        "a chain: 100005",
        "before the drop of a pool",
        "a list: 10",
        "a panic",
        "closed",
    ];
    commit("after_main").survived(&LINES);
    commit("after_main_first").survived(&LINES);
}

/// Fork and exec in calls, while the other threads are anywhere.
#[test]
fn calls_may_start_processes() {
    commit("commands").survived(&["12 of 12 children, 2000 calls"]);
}

#[test]
fn every_fault_has_a_test() {
    let end = run(&mut Command::new(FAULTS));
    assert_eq!(end.status.code(), Some(2));
    for fault in end.lines() {
        assert!(include_str!("faults.rs").contains(&format!("\"{fault}\")")), "nothing runs `{fault}`");
    }
}

/// A system that has little of something.
#[cfg(target_os = "linux")]
mod scarce {
    use std::process::Command;

    use crate::End;
    use crate::FAULTS;
    use crate::run;

    /// With so many KiB of address space; `None` where the shell cannot limit that.
    fn with_memory(kib: u32, fault: &str) -> Option<End> {
        let shell = |fault: &str| {
            let script = format!("ulimit -v {kib} && exec \"$0\" \"$1\"");
            run(Command::new("sh").args(["-c", &script, FAULTS, fault]))
        };
        let probe = shell("nothing");
        if probe.status.success() {
            return Some(shell(fault));
        }
        println!("skipped: no limit of {kib} KiB: {}", probe.complained);
        None
    }

    /// A call that asks whether there is memory is told; one that does not ask aborts.
    #[test]
    fn memory_for_calls() {
        let Some(end) = with_memory(400_000, "memory_of_calls") else { return };
        end.aborted(&["5 of 10"], "memory allocation of 1099511627776 bytes failed");
    }

    #[test]
    fn memory_for_the_queue() {
        let Some(end) = with_memory(400_000, "memory_of_a_queue") else { return };
        end.aborted(&["filling"], "memory allocation of");
    }

    /// Whether the stack of a thread is refused, which the call says, or a few bytes, which abort, is chance.
    #[test]
    fn memory_for_threads() {
        for kib in [60_000, 100_000, 150_000, 200_000, 300_000, 400_000, 600_000, 1_000_000, 1_500_000] {
            let Some(end) = with_memory(kib, "memory_of_threads") else { continue };
            println!("{kib} KiB: {}, {:?} {:?}", end.status, end.said, end.complained);
            if end.status.success() {
                assert!(end.said.ends_with("and said so\nthe pool too\n"), "{end:#?}");
            } else {
                assert!(end.is_aborted(), "{end:#?}");
            }
        }
    }

    /// Root has no limit of threads, so it becomes a user that nobody else is; others, of whom the system counts all threads,
    /// get none at all.
    #[test]
    fn threads() {
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let user = (40_000 + std::process::id() % 20_000).to_string();
        let limit: &[&str] = if root {
            &["prlimit", "--nproc=20", "setpriv", "--reuid", &user, "--clear-groups"]
        } else {
            &["prlimit", "--nproc=1"]
        };
        let limited = |fault: &str| {
            let mut command = Command::new(limit[0]);
            command.args(&limit[1..]).args([FAULTS, fault]);
            command
        };
        let probe = limited("nothing").output();
        if !probe.as_ref().is_ok_and(|probe| probe.status.success()) {
            println!("skipped: this system cannot run it with few threads: {probe:?}");
            return;
        }
        let end = run(&mut limited("few_threads"));
        assert!(end.status.success(), "{end:#?}");
        // No thread is had in vain: each takes a call, and what is refused is what is left.
        let ran = if root { 19 } else { 0 };
        let refused = 100 - ran;
        assert_eq!(end.lines(), [&format!("{ran} ran, {refused} were refused, and said so"), "the pool too"]);
    }
}

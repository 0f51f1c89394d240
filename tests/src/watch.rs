//! What the system says of this process.

use std::fmt::Write;
use std::fs;
use std::process::Command;

/// Returns the number of threads of this process; 0 where the system does not show them.
#[must_use]
pub fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Returns the number of threads of this process whose name begins like that; of a name the system keeps 15 bytes.
#[must_use]
pub fn threads_named(prefix: &str) -> usize {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0 };
    // A thread that has ended has no name any more.
    let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with(prefix)).count()
}

/// The state of every thread, as the system sees it.
pub(crate) fn every_thread() -> String {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return "this system does not show threads\n".to_owned() };
    let mut text = String::new();
    for task in tasks.flatten() {
        // A thread that has ended shows nothing, and the kernel hides some files.
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let status = read("status");
        let wanted = ["State:", "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        let status: Vec<_> = status.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start))).collect();
        let _ = writeln!(
            text,
            "    {} `{}`: {}; in {}; call {}",
            task.file_name().to_string_lossy(),
            read("comm").trim(),
            status.join(", ").replace('\t', " "),
            read("wchan").trim(),
            read("syscall").trim(),
        );
        for line in read("stack").lines() {
            let _ = writeln!(text, "        {line}");
        }
    }
    text
}

/// Leaves this process that many bytes of address space, so that the system refuses threads soon; `false` if this system has no way to
/// do so.
#[must_use]
pub fn leave_room(bytes: usize) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmSize"));
    let Some(now) = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok()) else { return false };
    let (id, limit) = (std::process::id().to_string(), now * 1024 + bytes);
    let done = Command::new("prlimit").args(["--pid", &id, &format!("--as={limit}")]).status();
    done.is_ok_and(|status| status.success())
}

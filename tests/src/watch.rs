//! A description of a process that hangs.

use std::fmt::Write;
use std::fs;

/// The number of threads of this process, where the system shows them.
pub(crate) fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
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

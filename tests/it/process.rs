//! Tests in a process of their own, and what the system says of the process.

use std::process::Command;

use crate::helpers::test_name;
use crate::helpers::watched;

/// Runs `test` in a process of its own, where nothing else uses time, memory or threads.
pub(crate) fn alone<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) {
    let _said = alone_with("ALONE", "", test);
}

/// Runs `test` as [`alone`] does, with the environment variable `key`, and returns what its process says on stderr. In that
/// process this returns nothing.
pub(crate) fn alone_with<R: Send + 'static>(
    key: &str,
    value: &str,
    test: impl FnOnce() -> R + Send + 'static,
) -> Option<String> {
    const MARK: &str = "RUN_ALONE";
    let name = test_name(&test);
    if std::env::var(MARK).is_ok_and(|chosen| chosen == name) {
        watched(test);
        return None;
    }
    let this = std::env::current_exe().expect("a test has a path");
    let child = Command::new(this).args([&name, "--exact", "--nocapture"]).env(MARK, &name).env(key, value).output();
    let child = child.expect("a test can start a process");
    let said = String::from_utf8_lossy(&child.stdout);
    let complained = String::from_utf8_lossy(&child.stderr).into_owned();
    print!("{said}{complained}");
    assert!(
        child.status.success() && said.contains("1 passed"),
        "`{name}` failed in its own process: {}",
        child.status
    );
    Some(complained)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    /// The threads of this process whose name begins like that; of a name the system keeps 15 bytes.
    pub(crate) fn threads_named(prefix: &str) -> usize {
        let tasks = fs::read_dir("/proc/self/task").expect("the system shows threads");
        // A thread that has ended has no name any more.
        let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.starts_with(prefix)).count()
    }

    /// Returns the number in `field` of `/proc/self/status`.
    pub(crate) fn status(field: &str) -> usize {
        let status = fs::read_to_string("/proc/self/status").expect("the system shows processes");
        let line = status.lines().find(|line| line.starts_with(field)).expect("there is such a field");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::status;
#[cfg(target_os = "linux")]
pub(crate) use linux::threads_named;

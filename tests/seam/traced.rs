//! `ASYNCTOOLS_TRACE`: a program that says nothing of pictures is recorded. Each test runs itself once more, with the variable.

use std::env;
use std::fs;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::CallInfo;
use asynctools::Pool;
use asynctools::Run;
use asynctools::pooled;
use asynctools::serial;
use asynctools::trace::Recording;
use seam_tests::watched;

#[pooled(workers = 2)]
fn load(n: u32) -> u32 {
    n
}

#[pooled(workers = 1)]
fn double(n: u32) -> u32 {
    n * 2
}

/// The program: 41 calls, all of which it waits for.
fn program() {
    let list: AsyncList<u32> = (0..20).map(|n| double(load(n))).collect();
    assert_eq!(list.get().into_iter().sum::<u32>(), 380);
    assert_eq!(Pool::new(1).spawn(|| 5).get(), 5);
    println!("the program has run");
}

/// Whether this process is the child of the test of that name.
fn is_child(name: &str) -> bool {
    env::var(MARK).is_ok_and(|chosen| chosen == name)
}

const MARK: &str = "SEAM_TRACED";

/// Runs the test of that name with the variable; returns what it says on stderr, and where the file should be.
fn traced(name: &str, file: &str) -> Option<(String, PathBuf)> {
    traced_by(Vec::new(), name, file)
}

/// As [`traced`], by a program with these arguments.
fn traced_by(mut by: Vec<String>, name: &str, file: &str) -> Option<(String, PathBuf)> {
    if is_child(name) {
        program();
        return None;
    }
    let path = env::temp_dir().join(format!("asynctools-{}-{file}", std::process::id()));
    let this = env::current_exe().unwrap();
    by.push(this.to_str().unwrap().to_owned());
    let child = Command::new(&by[0])
        .args(&by[1..])
        .args([name, "--exact", "--nocapture"])
        .env(MARK, name)
        .env("ASYNCTOOLS_TRACE", &path)
        .output();
    let child = child.unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert!(child.status.success() && said.contains("the program has run"), "{said}");
    Some((String::from_utf8_lossy(&child.stderr).into_owned(), path))
}

#[test]
fn json_is_appended_to() {
    let Some((said, path)) = traced("json_is_appended_to", "run.json") else { return };
    assert!(!said.contains("asynctools:"), "{said}");
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    // The format needs no closing bracket.
    let events: Vec<serde_json::Value> = serde_json::from_str(&format!("{text}]")).unwrap();
    let calls = events.iter().filter(|event| event["ph"] == "X" && event["cat"] != "wait").count();
    assert_eq!(calls, 41, "{text}");
    assert_eq!(events.iter().filter(|event| event["ph"] == "f").count(), 20, "an arrow for each argument");
}

#[test]
fn a_drawing_is_written_anew() {
    let Some((_, path)) = traced("a_drawing_is_written_anew", "run.svg") else { return };
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(text.contains("41 calls") && text.trim_end().ends_with("</svg>"), "{text}");
}

#[test]
fn a_graph_is_written_anew() {
    let Some((_, path)) = traced("a_graph_is_written_anew", "run.dot") else { return };
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(text.matches(" [label=").count(), 41, "{text}");
    assert_eq!(text.matches(" -> ").count(), 20, "{text}");
}

#[test]
fn a_path_that_cannot_be_written_is_told_once() {
    let Some((said, path)) = traced("a_path_that_cannot_be_written_is_told_once", "no/such/folder/run.json") else {
        return;
    };
    let told: Vec<_> = said.lines().filter(|line| line.contains("ASYNCTOOLS_TRACE")).collect();
    assert_eq!(told.len(), 1, "{said}");
    assert!(told[0].contains(&path.display().to_string()) && told[0].contains("cannot be written: "), "{said}");
}

/// Runs the test of that name with the variable, and with a clock that stands still, and returns what is in the file. `None` in
/// the child, and where no program can stop the clock.
fn traced_without_time(name: &str, file: &str) -> Option<String> {
    if !can_stop_the_clock() {
        return None;
    }
    let frozen = ["faketime", "-f", "2026-01-01 00:00:00"].map(str::to_owned).to_vec();
    let (_, path) = traced_by(frozen, name, file)?;
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    Some(text)
}

/// Whether the program that stops clocks is here. `.ci/run` insists on it.
fn can_stop_the_clock() -> bool {
    let found = Command::new("faketime").arg("--version").output().is_ok();
    assert!(found || env::var_os("SEAM_NEEDS_FAKETIME").is_none(), "there is no faketime");
    if !found {
        println!("left out: there is no faketime");
    }
    found
}

#[test]
fn a_clock_that_stands_still_is_drawn_in_json() {
    let Some(text) = traced_without_time("a_clock_that_stands_still_is_drawn_in_json", "still.json") else { return };
    let events: Vec<serde_json::Value> = serde_json::from_str(&format!("{text}]")).unwrap();
    let calls: Vec<_> = events.iter().filter(|event| event["ph"] == "X" && event["cat"] != "wait").collect();
    assert_eq!(calls.len(), 41, "{text}");
    assert!(calls.iter().all(|call| call["dur"].as_f64() == Some(0.0)), "{text}");
}

#[test]
fn a_clock_that_stands_still_is_drawn() {
    let Some(text) = traced_without_time("a_clock_that_stands_still_is_drawn", "still.svg") else { return };
    assert!(text.contains("41 calls") && text.trim_end().ends_with("</svg>"), "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn a_clock_that_stands_still_is_a_graph() {
    let Some(text) = traced_without_time("a_clock_that_stands_still_is_a_graph", "still.dot") else { return };
    assert_eq!(text.matches(" [label=").count(), 41, "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

/// Waits for one call after the other while another one runs: the picture is never the whole one.
fn unfinished_program(between: impl Fn()) {
    let (promise, value) = AsyncValue::<()>::promise();
    let pool = Pool::new(1);
    let held = pool.spawn(move || value.get());
    for _ in 0..5 {
        assert_eq!(load(1).get(), 1);
        between();
    }
    println!("the program has run");
    // What has been drawn is what a reader finds: the end of this process draws nothing.
    std::mem::forget((promise, held, pool));
    std::process::exit(0);
}

#[test]
fn a_drawing_of_what_goes_on_is_written_once_in_a_while() {
    const NAME: &str = "a_drawing_of_what_goes_on_is_written_once_in_a_while";
    if is_child(NAME) {
        unfinished_program(|| ());
    }
    let Some(text) = traced_without_time(NAME, "once.svg") else { return };
    assert!(text.contains("1 call,") || text.contains("1 call "), "{text}");
}

#[test]
fn a_drawing_of_what_goes_on_is_written_again_after_a_tenth_of_a_second() {
    const NAME: &str = "a_drawing_of_what_goes_on_is_written_again_after_a_tenth_of_a_second";
    if is_child(NAME) {
        let wait = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(101) {
                std::thread::yield_now();
            }
        };
        unfinished_program(wait);
    }
    let (_, path) = traced(NAME, "again.svg").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(text.contains("5 calls"), "{text}");
}

/// What the README records.
fn run_the_program() {
    program();
}

/// The code of the README, word for word.
fn code_of_the_readme() -> Result<(), Box<dyn std::error::Error>> {
    // README: begin
    let recording = asynctools::trace::Recording::start()?;
    run_the_program();
    let trace = recording.stop();
    trace.write_svg(File::create("run.svg")?)?; // for people
    trace.write_chrome(File::create("run.json")?)?; // for ui.perfetto.dev
    trace.write_dot(File::create("run.dot")?)?; // for Graphviz
    // README: end
    Ok(())
}

#[test]
fn the_code_of_the_readme_works() {
    const NAME: &str = "the_code_of_the_readme_works";
    const MARK: &str = "SEAM_README";
    if env::var_os(MARK).is_some() {
        code_of_the_readme().unwrap();
        return;
    }
    let own = include_str!("traced.rs").split("// README: ").nth(1).unwrap().lines().skip(1);
    let own: Vec<_> = own.map(str::trim).filter(|line| !line.is_empty()).collect();
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("\n{}\n```\n", own.join("\n"))), "{own:?}");
    let folder = env::temp_dir().join(format!("asynctools-{}-readme", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let this = env::current_exe().unwrap();
    let status = Command::new(this).args([NAME, "--exact"]).env(MARK, "1").current_dir(&folder).status().unwrap();
    assert!(status.success());
    for (file, start) in [("run.svg", "<svg "), ("run.json", "["), ("run.dot", "digraph ")] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        assert!(text.starts_with(start), "{file}: {text}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

/// The numbers of the calls in the JSON of that text.
fn calls_in(text: &str) -> usize {
    let events: Vec<serde_json::Value> =
        serde_json::from_str(&format!("{text}]")).unwrap_or_else(|error| panic!("{error}: {text}"));
    events.iter().filter(|event| event["args"]["call"].is_u64()).count()
}

/// As [`traced`], by another program; returns what is in the file.
fn traced_in(program: fn(), name: &str, file: &str) -> Option<String> {
    if is_child(name) {
        watched(program);
        println!("the program has run");
        // What the program has waited for is in the file.
        std::process::exit(0);
    }
    let (_, path) = traced(name, file)?;
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    Some(text)
}

#[test]
fn json_of_no_call_is_a_list() {
    let program = || {
        let pool = Pool::new(0);
        pool.spawn(|| 1).detach();
        AsyncValue::ready(1).get();
        std::mem::forget(pool);
    };
    let Some(text) = traced_in(program, "json_of_no_call_is_a_list", "none.json") else { return };
    assert_eq!(calls_in(&text), 0);
}

#[test]
fn a_wait_for_idleness_is_a_wait() {
    let program = || {
        serial(|| Pool::new(1).spawn(|| ()).detach());
        asynctools::wait_idle();
    };
    let Some(text) = traced_in(program, "a_wait_for_idleness_is_a_wait", "idle.json") else { return };
    assert_eq!(calls_in(&text), 1);
}

#[test]
fn a_drawing_is_whole_after_a_wait_for_idleness() {
    let program = || {
        let pool = Pool::new(1);
        pool.spawn(|| ()).wait();
        pool.spawn(|| ()).detach();
        assert!(pool.wait_idle_timeout(Duration::MAX));
        std::mem::forget(pool);
    };
    let Some(text) = traced_in(program, "a_drawing_is_whole_after_a_wait_for_idleness", "idle.svg") else { return };
    assert!(text.contains("2 calls"), "{text}");
}

#[test]
fn a_drawing_is_whole_after_the_end_of_a_pool() {
    let program = || {
        let pool = Pool::new(1);
        pool.spawn(|| ()).wait();
        pool.spawn(|| ()).detach();
        pool.close();
    };
    let Some(text) = traced_in(program, "a_drawing_is_whole_after_the_end_of_a_pool", "close.svg") else { return };
    assert!(text.contains("2 calls"), "{text}");
}

#[test]
fn the_file_and_a_recording_have_the_same() {
    let program = || {
        let recording = Recording::start().unwrap();
        let pool = Arc::new(Pool::new(1));
        let own = pool.clone();
        // A wait with a time limit blocks the thread.
        let outer = pool.spawn(move || own.spawn(|| 1).get_timeout(Duration::from_secs(600)).is_ok());
        assert!(outer.map(|is_ok| is_ok).get());
        let trace = recording.stop();
        let outer = &trace.calls()[0];
        let map = trace.calls().iter().find(|call| call.site.function() == "map").unwrap();
        assert_eq!(map.needs, [outer.id]);
        assert!(outer.waits.iter().any(|wait| wait.site.is_some()));
    };
    let Some(text) = traced_in(program, "the_file_and_a_recording_have_the_same", "both.json") else { return };
    assert_eq!(calls_in(&text), 3);
    assert!(text.contains("\"waits for spawn\"") && text.contains("\"ph\":\"f\""), "{text}");
}

/// Calls a function when it is dropped.
struct AtDrop(fn());

impl Drop for AtDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Makes a record that is the last owner of code around calls. The code is dropped with the record, when that is in the file.
fn record_with_code(at_drop: fn()) {
    let at_drop = AtDrop(at_drop);
    let around = move |_call: &CallInfo| {
        let _own = &at_drop;
        |run: Run<'_>| run.run()
    };
    let pool = Pool::builder().workers(0).around(around).build().unwrap();
    assert!(pool.spawn(|| 1).cancel());
    // In a call, the drop of a pool is no wait, and so writes nothing.
    serial(|| Pool::global().spawn(move || drop(pool)).detach());
}

#[test]
fn a_drop_that_waits_runs_under_no_lock() {
    let program = || {
        record_with_code(|| assert_eq!(load(1).get(), 1));
        AsyncValue::ready(1).get();
    };
    let Some(text) = traced_in(program, "a_drop_that_waits_runs_under_no_lock", "drop.json") else { return };
    assert_eq!(calls_in(&text), 3);
}

#[test]
fn a_drop_that_panics_ends_no_worker() {
    let program = || {
        let pool = Pool::new(1);
        let (open, gate) = mpsc::channel::<()>();
        let call = pool.spawn(move || gate.recv().is_ok());
        record_with_code(|| panic!("no luck in the drop"));
        open.send(()).unwrap();
        // The worker writes all three when it stands down.
        let path = env::var_os("ASYNCTOOLS_TRACE").unwrap();
        while fs::read_to_string(&path).map_or(0, |text| text.matches("\"call\":").count()) < 3 {
            std::thread::yield_now();
        }
        assert_eq!(pool.spawn(|| 2).get(), 2);
        assert!(call.get());
    };
    let Some(text) = traced_in(program, "a_drop_that_panics_ends_no_worker", "panic.json") else { return };
    assert_eq!(calls_in(&text), 4);
}

#[test]
fn a_program_runs_on_if_nobody_reads_its_errors() {
    const NAME: &str = "a_program_runs_on_if_nobody_reads_its_errors";
    if is_child(NAME) {
        std::panic::set_hook(Box::new(|panic| println!("{panic}")));
        program();
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(MARK, NAME)
        .env("ASYNCTOOLS_TRACE", "/no/such/folder/run.json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let child = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("the program has run"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

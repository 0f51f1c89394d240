//! What keeps the house in order: the module graphs are staircases, the crates are in step, no refusal is without its words.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The modules of the runtime, ground floor first: each imports from the floors below it only.
const RUNTIME: &[&str] = &[
    "sync",
    "span_site",
    "meter_site",
    "call_site",
    "panics",
    "panic",
    "error",
    "call_error",
    "tag::nobody",
    "tag::client",
    "tag::around",
    "tag::inside",
    "tag::ending",
    "tag::spans",
    "tag::meters",
    "tag::record",
    "tag::seen",
    "pictures::calls",
    "pictures::words",
    "pictures::chrome",
    "pictures::dot",
    "pictures::layout",
    "pictures::svg",
    "pictures::file",
    "graph::traits",
    "graph::few",
    "graph::registry",
    "graph::blocked",
    "graph::stop",
    "graph::serial",
    "graph::lineage",
    "graph::later",
    "graph::notify",
    "graph::waiters",
    "graph::agenda",
    "graph::look",
    "graph::current",
    "graph::wait",
    "graph::lose",
    "graph::work",
    "graph::slot",
    "graph::head",
    "graph::state",
    "graph::node",
    "handles::value",
    "handles::promise",
    "handles::polled",
    "handles::kept",
    "handles::shared",
    "handles::completions",
    "handles::list",
    "handles::stop",
    "handles::as_completed",
    "handles::results",
    "handles::first",
    "handles::window",
    "handles::fallible_window",
    "handles::stream",
    "workers::config",
    "workers::queue",
    "workers::bound",
    "workers::state",
    "workers::inner",
    "workers::run_count",
    "workers::permits",
    "workers::lend",
    "workers::control",
    "workers::idle",
    "workers::time_slice",
    "workers::serve",
    "workers::blocking",
    "arguments::bounds",
    "arguments::incoming",
    "arguments::source",
    "arguments::shared",
    "arguments::cloned",
    "arguments::input",
    "arguments::work",
    "arguments::arg",
    "pool",
    "idle",
    "in_place",
    "serial",
    "builder",
    "function_pool",
    "follow",
    "call",
    "per_worker",
    "hand_over",
    "handed_over",
    "metrics",
    "trace",
    "celery::process",
    "celery::ids",
    "celery::expansion",
];

/// Those of the macros.
const MACROS: &[&str] = &[
    "error",
    "written",
    "option_value",
    "options",
    "hidden_lifetime",
    "type_walk",
    "conditional",
    "self_search",
    "item",
    "kept_attributes",
    "trait_objects",
    "single_thread",
    "unsized_type",
    "valid_options",
    "valid_types",
    "valid",
    "plan",
    "quiet_spans",
    "signature",
    "body_call",
    "docs",
    "expand",
    "halves",
    "fallback",
    "celery_options",
    "celery_valid",
    "celery_expand",
    "random_tokens",
    "corpus",
    "fuzz",
];

/// Those of the client and worker of Celery.
const CELERY: &[&str] = &[
    "wire::time",
    "wire::json",
    "wire::values",
    "wire::envelope",
    "error",
    "message::request",
    "message::arguments",
    "codec",
    "broker::connection",
    "broker::tls",
    "broker::address",
    "broker::keys",
    "broker::ask",
    "broker::scripts",
    "store",
    "registry",
    "client::call",
    "client::pending",
    "client::outbox",
    "client::shared",
    "client::sender",
    "client::listener",
    "client::sweeper",
    "client::check",
    "client::engine",
    "client::ticket",
    "client::app",
    "worker::entry",
    "worker::link",
    "worker::threads",
    "worker::shared",
    "worker::panics",
    "worker::end",
    "worker::run",
    "worker::fetch",
    "worker::keeper",
    "control",
    "serve::checks",
    "serve::signals",
    "serve::worker",
    "local",
    "recorded",
];

const CRATES: [(&str, &[&str]); 3] =
    [("asynctools", RUNTIME), ("asynctools-macros", MACROS), ("asynctools-celery", CELERY)];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn names(folder: impl AsRef<Path>) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("it is a folder of ours");
    entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

/// The code of a module without its comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).enumerate().map(|(at, line)| (at + 1, line))
}

/// The file of a module.
fn file(package: &str, module: &str) -> String {
    format!("{package}/src/{}.rs", module.replace("::", "/"))
}

/// The wings of a crate: the folders that its floors name.
fn wings(floors: &[&'static str]) -> Vec<&'static str> {
    let mut wings: Vec<_> = floors.iter().filter_map(|floor| Some(floor.split_once("::")?.0)).collect();
    wings.dedup();
    wings
}

#[test]
fn imports_only_go_down() {
    for (package, floors) in CRATES {
        for (floor, module) in floors.iter().enumerate() {
            let path = file(package, module);
            for (line, code) in code(&read(&path)) {
                assert!(!code.contains("crate::{"), "{path}:{line}: one path per `use`");
                assert!(!code.contains("super::"), "{path}:{line}: say `crate::`");
                for above in &floors[floor + 1..] {
                    let upward = code.split(&format!("crate::{above}")).skip(1).any(|rest| !continues(rest));
                    assert!(!upward, "{path}:{line} imports upward: {}", code.trim());
                }
            }
        }
    }
}

/// Whether a name goes on here, and so is another one.
fn continues(rest: &str) -> bool {
    rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
}

#[test]
fn handles_and_workers_never_name_each_other() {
    for (wing, other) in [("handles", "workers"), ("workers", "handles")] {
        for module in RUNTIME.iter().filter(|module| module.starts_with(wing)) {
            let path = file("asynctools", module);
            for (line, code) in code(&read(&path)) {
                assert!(!code.contains(&format!("crate::{other}")), "{path}:{line}: {wing} name {other}");
            }
        }
    }
}

#[test]
fn every_module_has_a_floor() {
    for (package, floors) in CRATES {
        let wings = wings(floors);
        let rooms = floors.iter().filter(|floor| !floor.contains("::")).map(|floor| format!("{floor}.rs"));
        let there = names(format!("{package}/src"));
        let files = rooms.chain(wings.iter().map(|&wing| wing.to_owned())).chain(["lib.rs".to_owned()]);
        assert_eq!(there, files.collect(), "{package}: each file one floor");
        for wing in wings {
            let rooms = floors.iter().filter_map(|floor| floor.strip_prefix(&format!("{wing}::")));
            let files = rooms.map(|room| format!("{room}.rs")).chain(["mod.rs".to_owned()]);
            assert_eq!(
                names(format!("{package}/src/{wing}")),
                files.collect(),
                "{package}/{wing}: each file one floor"
            );
        }
    }
}

#[test]
fn the_maps_list_the_modules_from_the_ground_up() {
    let listed = |map: &str| -> Vec<String> {
        let name = |line: &str| {
            let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
            Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
        };
        map.lines().filter_map(name).collect()
    };
    for (package, floors) in CRATES {
        let mut top: Vec<_> = floors.iter().map(|floor| floor.split("::").next().unwrap_or(floor)).collect();
        top.dedup();
        assert_eq!(listed(&read(format!("{package}/src/lib.rs"))), top, "{package}/src/lib.rs");
        for wing in wings(floors) {
            let rooms: Vec<_> = floors.iter().filter_map(|floor| floor.strip_prefix(&format!("{wing}::"))).collect();
            let map = format!("{package}/src/{wing}/mod.rs");
            assert_eq!(listed(&read(&map)), rooms, "{map}");
        }
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let workspace = read("Cargo.toml");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let members = workspace.lines().find_map(|line| line.strip_prefix("members = [")).expect("the members");
    for member in members.trim_end_matches(']').split(", ").map(|member| member.trim_matches('"')) {
        let manifest = read(format!("{member}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member} has lints of its own");
    }
}

#[test]
fn the_crates_are_in_step() {
    let workspace = read("Cargo.toml");
    let line = workspace.lines().find_map(|line| line.strip_prefix("version = ")).expect("the version");
    let version = line.trim_matches('"');
    for package in ["asynctools-macros", "asynctools-celery"] {
        assert!(
            workspace.contains(&format!("{package} = {{ version = \"={version}\"")),
            "{package} is not pinned to {version}"
        );
    }
    for (package, _) in CRATES {
        let manifest = read(format!("{package}/Cargo.toml"));
        assert!(manifest.contains("version.workspace = true"), "{package} has a version of its own");
    }
}

#[test]
fn every_refusal_has_its_words() {
    let mut cases = 0;
    let folders = names("tests/ui").into_iter().map(|folder| format!("tests/ui/{folder}"));
    for folder in folders.chain(["tests/celery/ui".to_owned()]) {
        let files = names(&folder);
        for file in &files {
            let partner = match file.rsplit_once('.') {
                Some((case, "rs")) => format!("{case}.stderr"),
                Some((case, "stderr")) => format!("{case}.rs"),
                _ => panic!("{folder}/{file} is no case"),
            };
            assert!(files.contains(&partner), "{folder}/{file} has no {partner}");
            cases += 1;
        }
    }
    assert!(cases > 100, "where have the cases gone?");
}

#[test]
fn every_room_is_open() {
    let map = read("tests/it/main.rs");
    for name in names("tests/it") {
        let module = name.strip_suffix(".rs").unwrap_or(&name);
        assert!(module == "main" || map.contains(&format!("mod {module};")), "tests/it/{name} is never compiled");
    }
}

#[test]
fn the_checks_of_every_promise_exist() {
    let promises = read("RELIABILITY.md");
    for (suite, least) in [("it", 20), ("seam", 10)] {
        let named = promises.split('`').filter_map(|code| code.strip_prefix(suite)?.strip_prefix("::"));
        let mut count = 0;
        for name in named.filter(|name| *name != "room::test") {
            count += 1;
            let (room, test) = name.split_once("::").unwrap_or((name, ""));
            let tests = read(format!("tests/{suite}/{room}.rs"));
            let found = test.is_empty() || tests.contains(&format!("fn {test}()"));
            assert!(found, "RELIABILITY.md names `{suite}::{name}`, which is not there");
        }
        assert!(count > least, "only {count} checks of {suite}");
    }
}

#[test]
fn the_workflow_runs_every_stage() {
    let stages = read(".ci/run");
    let stages: Vec<_> =
        stages.lines().filter_map(|line| line.trim_start().strip_prefix("stage ")?.split(' ').next()).collect();
    assert!(stages.len() > 10, "{stages:?}");
    let workflow = read(".github/workflows/ci.yml");
    let matrix = workflow.split('[').find_map(|list| list.split_once(']').filter(|_| list.starts_with("format")));
    let matrix: Vec<_> = matrix.expect("it lists the stages").0.split(',').map(str::trim).collect();
    for stage in &matrix {
        assert!(stages.contains(stage), "the workflow names the stage `{stage}`, which is not there");
    }
    for stage in stages {
        // These have jobs of their own.
        let alone = matches!(stage, "tests" | "licenses");
        assert!(alone || matrix.contains(&stage), "nothing in the workflow runs the stage `{stage}`");
    }
}

/// The rows of the tables under the heading that contains `heading`: the first cell of each.
fn first_cells(page: &str, heading: &str) -> Vec<String> {
    let from = page.lines().skip_while(|line| !(line.starts_with('#') && line.contains(heading))).skip(1);
    let section = from.take_while(|line| !line.starts_with('#'));
    let cells = section.filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).skip(2);
    cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`').to_owned()).collect()
}

#[test]
fn every_module_stands_on_the_map() {
    let page = read("ARCHITECTURE.md");
    for (package, floors) in CRATES {
        let wings = wings(floors).into_iter().map(str::to_owned);
        let modules: BTreeSet<String> = floors.iter().map(|floor| floor.replace("::", "/")).chain(wings).collect();
        let mapped = first_cells(&page, &format!("`{package}/src`"));
        for module in &modules {
            assert!(mapped.contains(module), "ARCHITECTURE.md has no row for `{module}` of {package}");
        }
        for row in &mapped {
            assert!(modules.contains(row), "ARCHITECTURE.md has a row for `{row}`, which is no module of {package}");
        }
        assert_eq!(mapped.len(), modules.len(), "a module of {package} has two rows");
    }
}

#[test]
fn the_tests_of_every_invariant_exist() {
    let page = read("ARCHITECTURE.md");
    let mut count = 0;
    for name in page.split('`').filter_map(|code| code.strip_prefix("it::")).filter(|name| *name != "room::test") {
        count += 1;
        let (room, test) = name.split_once("::").unwrap_or((name, ""));
        let found = test.is_empty() || read(format!("tests/it/{room}.rs")).contains(&format!("fn {test}()"));
        assert!(found && names("tests/it").contains(&format!("{room}.rs")), "there is no test `it::{name}`");
    }
    assert!(count > 8, "only {count} tests");
}

#[test]
fn the_places_on_the_map_exist() {
    let page = read("ARCHITECTURE.md");
    let mut count = 0;
    // "`place` in `workers/permits`": the parts between backticks are text and code in turn.
    let parts: Vec<_> = page.split('`').collect();
    for found in parts.windows(3).skip(1).step_by(2).filter(|found| found[1] == " in ") {
        let (name, room) = (found[0], found[2]);
        if RUNTIME.contains(&room.replace('/', "::").as_str()) {
            count += 1;
            let path = file("asynctools", &room.replace('/', "::"));
            let defines =
                |kind: &&str| read(&path).split(&format!("{kind} {name}")).skip(1).any(|rest| !continues(rest));
            let is_there = ["fn", "struct", "enum", "static", "for"].iter().any(defines);
            assert!(is_there || read(&path).contains(&format!("{name}: ")), "{path} has no `{name}`");
        }
    }
    assert!(count > 8, "only {count} places");
}

#[test]
fn the_state_of_a_call_is_known_to_its_node_alone() {
    for module in RUNTIME.iter().filter(|module| **module != "graph::node" && **module != "graph::state") {
        let path = file("asynctools", module);
        for (line, code) in code(&read(&path)) {
            assert!(!code.contains("state::State"), "{path}:{line} names the state of a call");
        }
    }
}

/// Things of the standard library by which threads affect each other, as they are written outside of `sync`.
const SHARED_BY_THREADS: &[&str] = &[
    "std::sync::Barrier",
    "std::sync::Condvar",
    "std::sync::Mutex",
    "std::sync::OnceLock",
    "std::sync::RwLock",
    "std::sync::atomic::Atomic",
    "std::sync::atomic::fence",
    "std::sync::mpsc",
    "std::thread::",
    "std::time::Instant",
    "crossbeam_channel::",
];

/// Where such a thing is named all the same: in a `static` of the process, which outlives a model; a number of such a
/// static, for which nobody waits; and the result of a caught panic, which is a type only.
const NAMED_ALL_THE_SAME: &[(&str, &str)] = &[
    ("span_site", "std::sync::OnceLock"),
    ("span_site", "std::sync::atomic::Atomic"),
    ("meter_site", "std::sync::OnceLock"),
    ("meter_site", "std::sync::Mutex"),
    ("meter_site", "std::sync::atomic::Atomic"),
    ("call_site", "std::sync::OnceLock"),
    ("tag::meters", "std::sync::Mutex"),
    ("tag::record", "std::sync::Mutex"),
    ("tag::record", "std::sync::OnceLock"),
    ("tag::record", "std::sync::atomic::Atomic"),
    ("pictures::file", "std::sync::Mutex"),
    ("graph::registry", "std::sync::OnceLock"),
    ("graph::registry", "std::sync::RwLock"),
    ("graph::registry", "std::sync::atomic::AtomicU64"),
    ("graph::blocked", "std::sync::Mutex"),
    ("graph::blocked", "std::sync::atomic::Atomic"),
    ("graph::serial", "std::sync::OnceLock"),
    ("graph::serial", "std::sync::atomic::Atomic"),
    ("graph::stop", "std::sync::Mutex"),
    ("graph::stop", "std::sync::atomic::Atomic"),
    ("graph::lineage", "std::sync::Mutex"),
    ("workers::state", "std::sync::atomic::AtomicU64"),
    ("workers::blocking", "std::thread::panicking"),
    ("arguments::cloned", "std::thread::Result"),
];

#[test]
fn threads_meet_in_sync_alone() {
    for module in RUNTIME.iter().filter(|module| **module != "sync") {
        let path = file("asynctools", module);
        for (line, code) in code(&read(&path)) {
            let excused = NAMED_ALL_THE_SAME.iter().any(|(room, name)| room == module && code.contains(name));
            let named = SHARED_BY_THREADS.iter().find(|name| code.contains(**name));
            assert!(excused || named.is_none(), "{path}:{line}: import it from `crate::sync`: {}", code.trim());
        }
    }
}

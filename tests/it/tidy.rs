//! What keeps the house in order: the module graphs are staircases, the crates are in step, no refusal is without its words.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The modules of the runtime, ground floor first: each imports from the floors below it only.
const RUNTIME: &[&str] = &[
    "sync",
    "site",
    "error",
    "context",
    "node",
    "value",
    "shared",
    "input",
    "arg",
    "task",
    "completed",
    "list",
    "limits",
    "places",
    "crew",
    "operate",
    "worker",
    "pool",
    "own",
    "call",
];

/// Those of the macros.
const MACROS: &[&str] = &[
    "error",
    "option_value",
    "options",
    "type_walk",
    "conditional",
    "self_search",
    "item",
    "kept_attributes",
    "trait_objects",
    "valid_options",
    "valid_types",
    "valid",
    "plan",
    "signature",
    "body_call",
    "expand",
    "halves",
    "fallback",
    "random_tokens",
    "corpus",
    "fuzz",
];

const CRATES: [(&str, &[&str]); 2] = [("asynctools", RUNTIME), ("asynctools-macros", MACROS)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(folder: impl AsRef<Path>) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).expect("it is a folder of ours");
    entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect()
}

/// The code of a module without its comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).enumerate().map(|(at, line)| (at + 1, line))
}

#[test]
fn imports_only_go_down() {
    for (package, floors) in CRATES {
        for (floor, module) in floors.iter().enumerate() {
            let path = format!("{package}/src/{module}.rs");
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
fn every_module_has_a_floor() {
    for (package, floors) in CRATES {
        let files: Vec<_> = floors.iter().map(|module| format!("{module}.rs")).chain(["lib.rs".to_owned()]).collect();
        let there: BTreeSet<_> = names(format!("{package}/src"));
        assert_eq!(there, files.into_iter().collect(), "{package}: each file one floor");
    }
}

#[test]
fn the_map_lists_the_modules_from_the_ground_up() {
    for (package, floors) in CRATES {
        let map = read(format!("{package}/src/lib.rs"));
        let listed: Vec<_> = map.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
        assert_eq!(listed, floors, "{package}/src/lib.rs");
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
fn the_two_crates_are_in_step() {
    let workspace = read("Cargo.toml");
    let line = workspace.lines().find_map(|line| line.strip_prefix("version = ")).expect("the version");
    let version = line.trim_matches('"');
    assert!(workspace.contains(&format!("asynctools-macros = {{ version = \"={version}\"")), "not pinned to {version}");
    for (package, _) in CRATES {
        let manifest = read(format!("{package}/Cargo.toml"));
        assert!(manifest.contains("version.workspace = true"), "{package} has a version of its own");
    }
}

#[test]
fn every_refusal_has_its_words() {
    let mut cases = 0;
    for folder in names("tests/ui") {
        let files = names(format!("tests/ui/{folder}"));
        for file in &files {
            let partner = match file.rsplit_once('.') {
                Some((case, "rs")) => format!("{case}.stderr"),
                Some((case, "stderr")) => format!("{case}.rs"),
                _ => panic!("tests/ui/{folder}/{file} is no case"),
            };
            assert!(files.contains(&partner), "tests/ui/{folder}/{file} has no {partner}");
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
    let named = promises.split('`').filter_map(|code| code.strip_prefix("it::"));
    let mut count = 0;
    for name in named.filter(|name| *name != "room::test") {
        count += 1;
        let (room, test) = name.split_once("::").unwrap_or((name, ""));
        let tests = read(format!("tests/it/{room}.rs"));
        let found = test.is_empty() || tests.contains(&format!("fn {test}()"));
        assert!(found, "RELIABILITY.md names `it::{name}`, which is not there");
    }
    assert!(count > 20, "only {count} checks");
}

#[test]
fn the_workflow_runs_every_stage() {
    let stages = read(".ci/run");
    let stages: Vec<_> = stages.lines().filter_map(|line| line.strip_prefix("stage ")?.split(' ').next()).collect();
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

//! The lints of rustc and clippy around an expansion. Nothing is said about a library with the attributes that is not said
//! about the library without, and no `forbid` of a lint makes an expansion an error. The docs of the library have the
//! paragraph that the attributes add.
//!
//! The tests need clippy. Without it they say so, and fail if `LINTS_NEED_CLIPPY` is set.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

const SHAPES: &str = concat!(include_str!("shapes.rs"), "\n", include_str!("more_shapes.rs"));
const CLEAN: &str = include_str!("clean.rs");

/// Lints that are about a whole crate or its toolchain, or do not exist outside of nightly.
const SKIPPED: [&str; 3] = ["linker-messages", "unstable-features", "unused-crate-dependencies"];

/// What is said: the lint and the line, and each message in full.
type Said = BTreeMap<(String, u64), Vec<String>>;

fn has_clippy() -> bool {
    let found =
        Command::new("cargo").args(["clippy", "--version"]).output().is_ok_and(|output| output.status.success());
    assert!(found || env::var_os("LINTS_NEED_CLIPPY").is_none(), "clippy is not installed");
    if !found {
        println!("clippy is not installed, so nothing is checked");
    }
    found
}

/// Writes a library, and returns a `cargo` in its folder.
fn cargo(name: &str, source: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = folder().join(name);
    fs::create_dir_all(&package).expect("the folder is ours");
    // A library that has not changed is not compiled again.
    let write = |file: &str, text: &str| {
        if fs::read_to_string(package.join(file)).ok().as_deref() != Some(text) {
            fs::write(package.join(file), text).expect("the folder is ours");
        }
    };
    let runtime = here.join("../asynctools").display().to_string().replace('\\', "/");
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n\
             [dependencies]\nasynctools = {{ path = \"{runtime}\" }}\n[workspace]\n"
        ),
    );
    write("lib.rs", source);
    fs::copy(here.join("../Cargo.lock"), package.join("Cargo.lock")).expect("a workspace has one");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&package).env("CARGO_TARGET_DIR", folder().join("target")).env_remove("RUSTFLAGS");
    cargo
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lints")
}

/// Returns what clippy says about a library.
fn said(name: &str, source: &str, flags: &[String]) -> Said {
    let output = cargo(name, source)
        .args(["clippy", "--quiet", "--offline", "--message-format=json", "--"])
        .args(flags)
        .output()
        .expect("cargo runs this test");
    let mut said = Said::new();
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    for line in text.lines() {
        let message: Value = serde_json::from_str(line).expect("cargo writes JSON");
        if message["target"]["name"] != name || message["reason"] != "compiler-message" {
            continue;
        }
        let diagnostic = &message["message"];
        let rendered = diagnostic["rendered"].as_str().expect("a message has words").to_owned();
        let code = diagnostic["code"]["code"].as_str().unwrap_or("error").to_owned();
        let spans = diagnostic["spans"].as_array().expect("a message has places");
        if let Some(place) = spans.iter().find(|place| place["is_primary"] == true) {
            let at = place["line_start"].as_u64().expect("a place has a line");
            said.entry((code, at)).or_default().push(rendered);
        }
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}{said:#?}");
    said
}

/// Returns a flag for each lint of rustc and each group of clippy.
fn all_lints() -> Vec<String> {
    let help = Command::new("rustc").args(["-W", "help"]).output().expect("rustc compiled this test");
    let help = String::from_utf8(help.stdout).expect("lints have names");
    let lint = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        matches!(words.next()?, "allow" | "warn" | "deny").then_some(name)
    };
    let lints = help.lines().filter_map(lint).filter(|lint| !SKIPPED.contains(&lint.as_str()));
    let clippy = ["all", "pedantic", "nursery", "restriction"].map(|group| format!("clippy::{group}"));
    let lints: Vec<_> = lints.chain(clippy).map(|lint| format!("-W{lint}")).collect();
    assert!(lints.len() > 150, "{lints:?}");
    lints
}

fn is_attribute(line: &str) -> bool {
    line.trim_start().starts_with("#[pooled") || line.trim_start().starts_with("#[parallel")
}

#[test]
fn nothing_more_is_said_with_an_attribute() {
    if !has_clippy() {
        return;
    }
    let exported = SHAPES.lines().filter(|line| line.trim_start().starts_with("pub fn ")).count();
    assert!(exported >= 60, "only {exported} functions");
    let plain: Vec<_> = SHAPES.lines().map(|line| if is_attribute(line) { "//" } else { line }).collect();
    let (plain, lints) = (plain.join("\n"), all_lints());
    let without = said("plain", &plain, &lints);
    let with = said("annotated", SHAPES, &lints);
    assert!(without.len() > 200, "all lints say only {}", without.len());
    let mut more = Vec::new();
    for (place, messages) in &with {
        let known = without.get(place).map_or(0, Vec::len);
        if messages.len() > known {
            more.push(format!("{place:?}, {known} times without an attribute:\n{}", messages.join("\n")));
        }
    }
    assert!(more.is_empty(), "{}\n{} more", more.join("\n"), more.len());
}

#[test]
fn an_expansion_is_allowed_below_each_forbid() {
    if !has_clippy() {
        return;
    }
    let groups = ["warnings", "unused", "nonstandard_style", "future_incompatible"];
    let lints = ["dead_code", "deprecated", "unused_variables", "missing_docs", "unreachable_code"];
    let clippy = ["all", "pedantic", "nursery", "too_many_arguments", "unnecessary_wraps", "needless_pass_by_value"];
    let clippy = clippy.map(|lint| format!("clippy::{lint}"));
    for lint in groups.iter().chain(&lints).map(|lint| (*lint).to_owned()).chain(clippy) {
        let words = said("clean", &format!("#![forbid({lint})]\n{CLEAN}"), &[]);
        assert!(words.is_empty(), "{lint}: {words:#?}");
    }
}

#[test]
fn the_docs_of_a_function_gain_a_paragraph_of_its_own() {
    let status = cargo("documented", CLEAN).args(["doc", "--quiet", "--offline", "--no-deps", "--lib"]).status();
    assert!(status.expect("cargo runs this test").success());
    let page =
        |file: &str| fs::read_to_string(folder().join("target/doc/documented").join(file)).expect("rustdoc wrote it");
    let line_count = "<p>Counts lines.</p>\n<p>Runs on a pool of 2 workers and returns a handle. As written: \
                      <code>fn line_count(path: &amp;Path) -&gt; io::Result&lt;usize&gt;</code>.</p>";
    assert!(page("fn.line_count.html").contains(line_count));
    let depth = "<p>Looks how deep.</p>\n<p>Runs on the default pool and returns a handle.";
    assert!(page("struct.Client.html").contains(depth));
    assert!(!page("struct.Client.html").contains("into_input"), "each type is an `Arg`");
    assert!(!page("index.html").contains("Runs on"), "an index has the first paragraph");
}

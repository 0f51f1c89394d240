//! What asynctools costs besides time: `cargo bench --bench costs` from the root.
//!
//! Cargo builds packages that this program writes into a temporary folder, in turns; it loads what they depend on first.
//! The program ends with 1 if a bar is missed by more than a quartile. `-- --only build`, `check` or `size` measures that
//! alone.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Instant;

use crate::generated::Style;
use crate::quartiles::Quartiles;
use crate::quartiles::Verdict;
use crate::table::table;

mod quartiles;
mod table;
mod generated;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What a program writes into its manifest, without and with the libraries that do part of it.
const LIBRARIES: [(&str, &str); 3] = [
    ("asynctools, with its macros", "asynctools = { path = \"@\" }"),
    (
        "tokio, `rt-multi-thread` and `macros`",
        "tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\"] }",
    ),
    ("rayon", "rayon = \"1\""),
];

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let only = match &arguments[..] {
        [] => "",
        [option, name] if option == "--only" => name,
        _ => {
            eprintln!("the only option is `--only NAME`");
            return ExitCode::from(2);
        }
    };
    let folder = Folder::new().expect("a temporary folder can be made");
    let mut held = true;
    if "build".contains(only) {
        builds(&folder.0);
    }
    if "check".contains(only) {
        held = checks(&folder.0);
    }
    if "size".contains(only) {
        size(&folder.0);
    }
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Goes when the program ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let folder = env::temp_dir().join(format!("asynctools-costs-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// Writes a package that depends on that, and sees to it that cargo has all it needs.
fn package(folder: &Path, name: &str, dependency: &str, main: &str) -> PathBuf {
    let package = folder.join(name);
    let dependency = dependency.replace('@', &format!("{ROOT}/asynctools"));
    let head = format!("[workspace]\n[package]\nname = \"{name}\"\nedition = \"2024\"\n");
    fs::create_dir_all(package.join("src")).expect("the folder can be written");
    fs::write(package.join("Cargo.toml"), format!("{head}[dependencies]\n{dependency}\n")).expect("and its files");
    fs::write(package.join("src/main.rs"), main).expect("and its files");
    // The versions that the workspace has, where it has them.
    fs::copy(Path::new(ROOT).join("Cargo.lock"), package.join("Cargo.lock")).expect("and its files");
    cargo(&package, &["fetch", "--quiet"]);
    package
}

fn cargo(package: &Path, arguments: &[&str]) {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(package).env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
    let status = command.stdout(Stdio::null()).status().expect("cargo can be run");
    assert!(status.success(), "cargo {arguments:?}: {status}");
}

/// Seconds of a run of cargo.
fn seconds(package: &Path, arguments: &[&str]) -> f64 {
    let start = Instant::now();
    cargo(package, arguments);
    start.elapsed().as_secs_f64()
}

/// Lets them take turns.
fn rounds<T>(count: usize, things: &[T], mut turn: impl FnMut(&T) -> f64) -> Vec<Vec<f64>> {
    let mut times = vec![Vec::new(); things.len()];
    for round in 0..count {
        for step in 0..things.len() {
            let thing = (round + step) % things.len();
            times[thing].push(turn(&things[thing]));
        }
    }
    times
}

fn cells(name: &str, times: Vec<f64>) -> Vec<String> {
    let times = Quartiles::of(times);
    vec![name.to_owned(), format!("{:.2} s", times.median), format!("{:.2} - {:.2} s", times.first, times.third)]
}

/// The time until a program with nothing but a dependency is built, from nothing.
fn builds(folder: &Path) {
    let of = |(name, dependency): &(&'static str, &str)| {
        let crate_name = name.split(',').next().unwrap_or(name);
        (*name, package(folder, &format!("with-{crate_name}"), dependency, "fn main() {}\n"))
    };
    let packages: Vec<_> = LIBRARIES.iter().map(of).collect();
    let times = rounds(5, &packages, |(_, package)| match fs::remove_dir_all(package.join("target")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
        _ => seconds(package, &["build", "--quiet", "--offline"]),
    });
    let rows: Vec<_> = packages.iter().zip(times).map(|((name, _), times)| cells(name, times)).collect();
    table(&["clean build of", "median", "quartiles"], &rows);
}

/// The goal, and what was reached.
const MOST: (f64, f64) = (1.80, 3.00);

/// `cargo check` of many functions, of which only they have changed: whether the bar is held.
fn checks(folder: &Path) -> bool {
    let of = |style: Style| (style, package(folder, style.name(), LIBRARIES[0].1, &style.program()));
    let packages = [Style::Annotated, Style::ByHand, Style::Plain].map(of);
    for (_, package) in &packages {
        cargo(package, &["check", "--quiet", "--offline"]);
    }
    let times = rounds(11, &packages, |(style, package)| {
        fs::write(package.join("src/main.rs"), style.program()).expect("the file was written before");
        seconds(package, &["check", "--quiet", "--offline"])
    });
    let ratios = Quartiles::of(times[0].iter().zip(&times[1]).map(|(ours, theirs)| ours / theirs).collect());
    let rows: Vec<_> = packages.iter().zip(times).map(|((style, _), times)| cells(style.title(), times)).collect();
    table(&[&format!("`cargo check` of {}", generated::COUNT), "median", "quartiles"], &rows);
    let (goal, so_far) = MOST;
    let verdict = Verdict::answered(&ratios, goal, so_far);
    let Quartiles { first, median, third } = ratios;
    let spread = format!("{median:.2} ({first:.2}-{third:.2})");
    println!("Annotated against by hand {spread}, bar {goal:.2}, so far {so_far:.2}: {}.\n", verdict.word());
    verdict != Verdict::Missed
}

/// How much of the stripped `download` example is ours.
fn size(folder: &Path) {
    let target = folder.join("target");
    let target = target.to_str().expect("a temporary folder has a plain name");
    cargo(
        Path::new(ROOT),
        &["build", "--quiet", "--release", "-p", "examples", "--example", "download", "--target-dir", target],
    );
    let program = format!("{target}/release/examples/download");
    let stripped = format!("{target}/stripped");
    let (Ok(symbols), Ok(_)) = (
        Command::new("nm").args(["--print-size", "--radix=d", &program]).output(),
        Command::new("strip").args(["-o", &stripped, &program]).status(),
    ) else {
        println!("The size of `download` needs nm and strip.\n");
        return;
    };
    let total = fs::metadata(&stripped).expect("strip has written it").len();
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    let of = |names: &[&str]| -> u64 {
        let lines = symbols.lines().filter(|line| names.iter().any(|name| line.contains(name)));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    let row = |what: &str, bytes: u64| {
        vec![what.to_owned(), bytes.to_string(), format!("{} ‰", (bytes * 1000 + total / 2) / total)]
    };
    let rows = [
        row("stripped", total),
        row("symbols of asynctools", of(&["asynctools"])),
        row("symbols of crossbeam, its dependency", of(&["crossbeam"])),
    ];
    table(&["`download`, release build", "bytes", "share"], &rows);
}

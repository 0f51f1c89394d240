//! Random functions over all that the attributes accept, written into one crate, each beside the same function with an attribute:
//! the crate compiles without a warning, and every call gives what the function gives.
//!
//! `FUNCTIONS_COUNT` says how many, `FUNCTIONS_SEED` takes others, and `FUNCTIONS_ONLY` takes one of them.

mod dice;
mod types;
mod outputs;
mod inputs;
mod host;
mod attributes;
mod function;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::str::FromStr;

use crate::function::module;

/// How many, unless the environment says it: enough to notice, few enough to wait for.
const COUNT: usize = 60;

const MANIFEST: &str = r#"[package]
name = "functions"
version = "0.0.0"
edition = "2024"

[dependencies]
asynctools = { path = "@PATH" }

[workspace]

# Nobody looks into it, and without all that it is there sooner.
[profile.dev]
debug = false
incremental = false
"#;

fn from_env<T: FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The crate with these functions.
struct Written {
    folder: PathBuf,
    seed: u64,
    modules: BTreeMap<usize, String>,
    forms: BTreeMap<&'static str, usize>,
}

impl Written {
    fn new(seed: u64, indices: &[usize]) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("functions");
        let source = folder.join("src");
        drop(fs::remove_dir_all(&source));
        fs::create_dir_all(&source).expect("the folder is ours");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let path = root.join("asynctools").display().to_string().replace('\\', "/");
        write(&folder.join("Cargo.toml"), &MANIFEST.replace("@PATH", &path));
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).expect("the workspace has one");
        write(&source.join("kit.rs"), include_str!("kit.rs"));
        let mut written = Self { folder, seed, modules: BTreeMap::new(), forms: BTreeMap::new() };
        for &index in indices {
            let module = module(seed, index);
            write(&source.join(format!("f{index:03}.rs")), &module.text);
            written.modules.insert(index, module.text);
            for (form, count) in module.forms {
                *written.forms.entry(form).or_default() += count;
            }
        }
        write(&source.join("main.rs"), &written.main());
        written
    }

    fn main(&self) -> String {
        let each = |line: fn(&usize) -> String| self.modules.keys().map(line).collect::<Vec<_>>().concat();
        let mods = each(|index| format!("mod f{index:03};\n"));
        let checks = each(|index| format!("    f{index:03}::check(&mut log);\n"));
        format!(
            "#![deny(warnings)]\n#![allow(unused_braces, reason = \"the bodies are put together\")]\n\nmod kit;\n{mods}\nfn main() {{\n    std::panic::set_hook(Box::new(|_| {{}}));\n    \
             let mut log = kit::Log {{ cases: 0, differences: 0 }};\n{checks}    \
             println!(\"{{}} cases\", log.cases);\n    std::process::exit(i32::from(log.differences > 0))\n}}\n"
        )
    }

    /// Runs cargo on it, without a network, in a target folder that keeps the dependencies.
    fn cargo(&self, command: &str) -> Output {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command_line = Command::new(cargo);
        command_line.args([command, "--quiet", "--offline", "--color=never", "--manifest-path"]);
        command_line.arg(self.folder.join("Cargo.toml")).arg("--target-dir").arg(self.folder.join("target"));
        command_line.output().expect("cargo runs this test")
    }

    /// What was said, and the functions that it is about.
    fn report(&self, what: &str, output: &Output) -> String {
        let said = [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream));
        let about: BTreeSet<_> = self
            .modules
            .keys()
            .filter(|index| {
                let name = format!("f{index:03}");
                said.iter().any(|text| text.contains(&format!("{name}.rs")) || text.contains(&format!("{name} ")))
            })
            .collect();
        let mut report = format!("{what}; FUNCTIONS_SEED={}, functions {about:?}\n", self.seed);
        for index in about.iter().take(3) {
            report = format!("{report}\n--- FUNCTIONS_ONLY={index}\n{}\n", self.modules[index]);
        }
        let lines = said.iter().flat_map(|text| text.lines()).take(120);
        lines.for_each(|line| report.extend([line, "\n"]));
        report
    }
}

#[test]
fn a_call_gives_what_its_function_gives() {
    let count = from_env("FUNCTIONS_COUNT").unwrap_or(COUNT);
    let seed = from_env("FUNCTIONS_SEED").unwrap_or(0);
    let only = from_env("FUNCTIONS_ONLY");
    println!("FUNCTIONS_SEED={seed}");
    let written = Written::new(seed, &only.map_or_else(|| (0..count).collect(), |index| vec![index]));
    for (form, times) in &written.forms {
        println!("{times:5} {form}");
    }
    let built = written.cargo("build");
    assert!(built.status.success(), "{}", written.report("it does not compile", &built));
    let run = written.cargo("run");
    assert!(run.status.success(), "{}", written.report("a call is not its function", &run));
    let said = String::from_utf8_lossy(&run.stdout);
    let cases: usize = said.trim().trim_end_matches(" cases").parse().expect("it counts them");
    println!("{} functions, {} forms, {cases} cases", written.modules.len(), written.forms.len());
    assert!(cases >= written.modules.len(), "{cases} cases of {} functions", written.modules.len());
}

#[test]
fn a_seed_means_the_same_functions_again() {
    let texts = |seed| (0..20).map(|index| module(seed, index).text).collect::<BTreeSet<_>>();
    assert_eq!(texts(1), texts(1));
    assert_eq!(texts(1).len(), 20);
    assert!(texts(1).is_disjoint(&texts(2)));
}

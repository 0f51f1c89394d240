//! With a model checker, the runtime is built upon `sync.rs` of this folder.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    assert!(!(has("LOOM") && has("SHUTTLE")), "one model checker at a time: `--features loom` or `--features shuttle`");
    if has("LOOM") || has("SHUTTLE") {
        println!("cargo::rustc-cfg=asynctools_model");
    }
}

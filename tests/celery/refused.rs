//! What `#[celery]` refuses, and the words for it. `TRYBUILD=overwrite` writes the words anew; read them before you keep them.

use std::process::Command;

/// The minor version of rustc whose words the cases hold.
const WORDS_OF: &str = "rustc 1.95.";

#[test]
fn our_words() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc was here a moment ago");
    if version.stdout.starts_with(WORDS_OF.as_bytes()) {
        trybuild::TestCases::new().compile_fail("ui/*.rs");
    }
}

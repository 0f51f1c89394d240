//! A handle is an argument: a diamond of calls, and an error that crosses its edges.
//!
//! ```text
//!          ┌──► longest_word ──┐
//! load ────┤                   ├──► report
//!          └──► commonest ─────┘
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use asynctools::{AsyncValue, Shared, pooled};

#[pooled]
fn load(path: &Path) -> Result<String, String> {
    assert!(path.is_absolute(), "`{}` is not absolute", path.display());
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[pooled]
fn longest_word(text: &str) -> Result<String, String> {
    words(text).max_by_key(|word| word.len()).map(str::to_owned).ok_or_else(|| "no word at all".to_owned())
}

#[pooled]
fn commonest(text: &str) -> Result<(String, usize), String> {
    let mut counts = BTreeMap::new();
    for word in words(text) {
        *counts.entry(word).or_insert(0) += 1;
    }
    let (word, count) = counts.into_iter().max_by_key(|(_, count)| *count).ok_or("no word at all")?;
    Ok((word.to_owned(), count))
}

#[pooled]
fn report(longest: &str, commonest: (String, usize)) -> Result<String, String> {
    let (word, count) = commonest;
    Ok(format!("the longest word is `{longest}`, and `{word}` is there {count} times"))
}

/// Returns at once. Each call starts when its arguments are there, and no thread waits for them.
fn diamond(path: &Path) -> AsyncValue<Result<String, String>> {
    let text: Shared<Result<String, String>> = load(path).shared(); // one result, two readers, no copy
    report(longest_word(text.clone()), commonest(text))
}

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    println!("this file:         {}", tell(diamond(&here.join("dataflow.rs"))));
    println!("no such file:      {}", tell(diamond(&here.join("no-such-file.rs"))));
    println!("a call that panics, with the way to it:\n  {}", tell(diamond(Path::new("dataflow.rs"))));
}

fn tell(call: AsyncValue<Result<String, String>>) -> String {
    match call.outcome() {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => format!("failed, `report` never ran: {error}"),
        Err(lost) => lost.to_string(),
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty())
}

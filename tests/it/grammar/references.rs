//! Parameters by reference: what is copied, and what is not.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt::Debug;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use asynctools::{AsyncList, parallel};

use crate::grammar::Config;
use crate::grammar::NotClone;

#[parallel]
fn text(text: &str) -> usize {
    text.len()
}

#[parallel]
fn named<'a>(text: &'a str, other: &'a str) -> usize {
    [text, other].iter().map(|text: &&'a str| text.len()).sum()
}

#[parallel]
fn outlives<'a, 'b: 'a>(text: &'b str, other: &'a str) -> usize
where
    'b: 'a,
{
    text.len() + other.len()
}

#[parallel]
fn path(path: &Path) -> PathBuf {
    path.join("x")
}

#[parallel]
fn os(text: &OsStr) -> usize {
    text.len()
}

#[parallel]
fn slice(numbers: &[u32]) -> u32 {
    numbers.iter().sum()
}

#[parallel]
fn config(config: &Config) -> usize {
    config.depth
}

#[parallel]
fn not_clone(value: &NotClone) -> usize {
    value.0
}

#[parallel]
fn object(value: &(dyn Debug + Send + Sync)) -> String {
    format!("{value:?}")
}

#[parallel]
fn generic<T: Debug + Clone + Send + 'static>(value: &T) -> String {
    format!("{value:?}")
}

#[parallel]
fn vector(list: &Vec<String>, &depth: &usize) -> usize {
    list.len() + depth
}

#[parallel]
fn placeholder(text: &'_ str) -> usize {
    text.len()
}

#[test]
fn borrowed_values_are_copied() {
    assert_eq!(text("abc").get(), 3);
    assert_eq!(text(&String::from("abc")).get(), 3);
    assert_eq!(named("abc", "de").get(), 5);
    assert_eq!(outlives("abc", "de").get(), 5);
    assert_eq!(path(Path::new("a")).get(), Path::new("a/x"));
    assert_eq!(path(&PathBuf::from("a")).get(), Path::new("a/x"));
    assert_eq!(os(OsStr::new("abc")).get(), 3);
    assert_eq!(slice(&[1, 2, 3]).get(), 6);
    assert_eq!(slice(&vec![1, 2, 3]).get(), 6);
    assert_eq!(config(&Config { depth: 3 }).get(), 3);
    assert_eq!(generic(&Some(1)).get(), "Some(1)");
    assert_eq!(vector(&vec![String::new()], &2).get(), 3);
    assert_eq!(placeholder("abc").get(), 3);
}

#[test]
fn owners_are_not_copied() {
    assert_eq!(text(String::from("abc")).get(), 3);
    assert_eq!(text(Box::<str>::from("abc")).get(), 3);
    assert_eq!(text(Arc::<str>::from("abc")).get(), 3);
    assert_eq!(path(PathBuf::from("a")).get(), Path::new("a/x"));
    assert_eq!(os(OsString::from("abc")).get(), 3);
    assert_eq!(slice(vec![1, 2, 3]).get(), 6);
    assert_eq!(config(Arc::new(Config { depth: 3 })).get(), 3);
    assert_eq!(not_clone(Box::new(NotClone(3))).get(), 3);
    assert_eq!(not_clone(Arc::new(NotClone(3))).get(), 3);
    assert_eq!(object(Arc::new(3) as Arc<dyn Debug + Send + Sync>).get(), "3");
}

#[test]
fn borrowed_data_may_go_before_the_call_ends() {
    let words: Vec<String> = ["a", "bb", "ccc"].map(String::from).to_vec();
    let borrowed: Vec<&str> = words.iter().map(String::as_str).collect();
    let lengths: AsyncList<usize> = borrowed.iter().map(text).collect();
    drop(borrowed);
    drop(words);
    assert_eq!(lengths.get(), [1, 2, 3]);
}

#[test]
fn functions_are_values() {
    let lengths: AsyncList<_> = "a bb ccc".split(' ').map(text).collect();
    assert_eq!(lengths.get(), [1, 2, 3]);
}

//! The rewritten signature is there beside the error: callers type-check, and what the body uses is used.

#![deny(unused_imports)]

use std::fmt::Write;

use asynctools::{AsyncValue, parallel};

#[parallel]
fn print(out: &mut String, n: usize) -> usize { //~ ERROR
    write!(out, "{n}").unwrap();
    n
}

fn main() {
    let mut out = Default::default();
    let handle: AsyncValue<usize> = print(&mut out, print(&mut String::new(), 1));
    let n: usize = handle.get();
    assert_eq!(n, 1);
}

#![deny(missing_docs)]
//! A crate.

use asynctools::parallel;

#[parallel]
pub fn f(n: u8) -> u8 { //~ ERROR
    n
}

fn main() {}

#![deny(dead_code)]

use asynctools::parallel;

#[parallel]
fn f(n: u8) -> u8 { //~ ERROR
    n
}

fn main() {}

#![deny(unused_variables)]

use asynctools::parallel;

#[parallel]
pub fn f(n: u8) -> u8 { //~ ERROR
    1
}

fn main() {}

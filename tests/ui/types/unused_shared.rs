#![deny(unused_must_use)]

use asynctools::parallel;

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    add(1, 2).shared(); //~ ERROR
}

use std::str::Chars;

use asynctools::parallel;

#[parallel]
fn f(text: &str) -> Chars { //~ ERROR
    text.chars()
}

fn main() {}

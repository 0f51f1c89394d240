use std::str::Chars;

use asynctools::parallel;

#[parallel]
fn f(chars: Chars) -> usize { //~ ERROR
    chars.count()
}

fn main() {}

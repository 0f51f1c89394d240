use std::{fmt, str};

use asynctools::parallel;

#[parallel]
fn count(chars: str::Chars) -> usize { //~ ERROR
    chars.count()
}

#[parallel]
fn show(text: &fmt::Arguments) -> String { //~ ERROR
    text.to_string()
}

fn main() {
    count("x".chars()).get();
}

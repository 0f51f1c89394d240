use std::str;

use asynctools::parallel;

#[parallel]
fn chars(text: &str) -> str::Chars { //~ ERROR
    text.chars()
}

fn main() {
    let _first: Option<char> = chars("x").get().next();
}

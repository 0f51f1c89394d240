use std::borrow::Cow;

use asynctools::parallel;

#[parallel]
fn f(text: &str) -> Cow<'_, str> { //~ ERROR
    text.into()
}

fn main() {}

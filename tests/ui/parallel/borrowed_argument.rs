use std::borrow::Cow;

use asynctools::parallel;

#[parallel]
fn f(text: Cow<'_, str>) -> usize { //~ ERROR
    text.len()
}

fn main() {}

use std::borrow::Cow;

use asynctools::parallel;

#[parallel]
fn trim(text: Cow<str>) -> usize { //~ ERROR
    text.trim().len()
}

fn main() {
    trim(Cow::from("x")).get();
}

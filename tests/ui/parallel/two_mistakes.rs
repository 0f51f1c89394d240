use std::borrow::Cow;

use asynctools::parallel;

#[parallel]
fn f(list: &mut Vec<u8>, text: Cow<'_, str>) -> usize { //~ ERROR
    list.clear();
    text.len()
}

fn main() {}

use std::rc::Rc;

use asynctools::parallel;

struct Page {
    text: Rc<str>,
}

#[parallel]
fn f(page: &Page) -> usize { //~ ERROR
    page.text.len()
}

fn main() {}

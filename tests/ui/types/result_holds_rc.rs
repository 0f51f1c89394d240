use std::rc::Rc;

use asynctools::parallel;

struct Page {
    text: Rc<str>,
}

#[parallel]
fn f(n: u8) -> Page { //~ ERROR
    Page { text: n.to_string().into() }
}

fn main() {
    f(1).get().text.len();
}

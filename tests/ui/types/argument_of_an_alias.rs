use std::rc::Rc;

use asynctools::parallel;

type Text = Rc<str>;

#[parallel]
fn f(text: Text) -> usize { //~ ERROR
    text.len()
}

fn main() {}

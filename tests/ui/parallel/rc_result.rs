use std::rc::Rc;

use asynctools::parallel;

#[parallel]
fn f(n: u8) -> Rc<u8> { //~ ERROR
    Rc::new(n)
}

fn main() {}

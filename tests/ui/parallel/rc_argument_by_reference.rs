use std::rc::Rc;

use asynctools::parallel;

#[parallel]
fn f(shared: &Rc<u8>) -> u8 { //~ ERROR
    **shared
}

fn main() {}

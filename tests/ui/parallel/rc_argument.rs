use std::rc::Rc;

use asynctools::parallel;

#[parallel]
fn f(n: u8, shared: Rc<u8>) -> u8 { //~ ERROR
    n + *shared
}

fn main() {}

use std::rc::Rc;

use asynctools::parallel;

#[parallel]
fn f(n: u8) -> Result<u8, Rc<u8>> { //~ ERROR
    Err(Rc::new(n))
}

fn main() {}

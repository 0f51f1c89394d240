use std::rc::Rc;

use asynctools::parallel;

#[parallel]
fn f(n: u8) -> Result<Rc<u8>, String> { //~ ERROR
    Ok(Rc::new(n))
}

fn main() {}

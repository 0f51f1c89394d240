use std::any::Any;

use asynctools::parallel;

#[parallel]
fn find(n: u8) -> Option<Box<dyn Any>> { //~ ERROR
    Some(Box::new(n))
}

fn main() {
    assert!(find(1).get().is_some());
}

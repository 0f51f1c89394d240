use std::cell::RefCell;
use std::sync::Arc;

use asynctools::parallel;

#[parallel]
fn f(lists: Vec<Arc<RefCell<Vec<u8>>>>) -> usize { //~ ERROR
    lists.len()
}

fn main() {}

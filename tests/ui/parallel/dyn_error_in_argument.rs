use std::sync::Arc;

use asynctools::parallel;

#[parallel]
fn show(errors: Vec<Arc<dyn std::error::Error + 'static>>) -> usize { //~ ERROR
    errors.len()
}

fn main() {
    show(vec![]).get();
}

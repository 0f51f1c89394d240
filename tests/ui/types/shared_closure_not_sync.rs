use std::sync::Arc;

use asynctools::parallel;

#[parallel]
fn apply(f: Arc<dyn Fn(u8) -> u8 + Send>, n: u8) -> u8 { //~ ERROR
    f(n)
}

fn main() {}

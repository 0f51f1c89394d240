use asynctools::{parallel, pooled};

#[pooled]
#[parallel] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

//! The options that are right count.

use asynctools::pooled;

#[pooled(sync = double_now, workers = 0)] //~ ERROR
fn double(n: usize) -> usize {
    2 * n
}

fn main() {
    let n: usize = double(1).get() + double_now(1);
    assert_eq!(n, 4);
}

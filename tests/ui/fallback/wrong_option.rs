//! The function is expanded as if the wrong option were not there: its callers have nothing to report.

use asynctools::{AsyncValue, pooled};

#[pooled(worker = 5)] //~ ERROR
fn double(n: usize) -> usize {
    2 * n
}

fn main() {
    let handle: AsyncValue<usize> = double(double(1));
    let n: usize = handle.get();
    assert_eq!(n, 4);
}

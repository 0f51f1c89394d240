//! Both versions of the function have the mistake; one of them is there.

use asynctools::pooled;

#[pooled(worker = 5)] //~ ERROR
fn double(n: usize, #[cfg(any())] m: usize) -> usize {
    2 * n
}

fn main() {
    let n: usize = double(double(1)).get();
    assert_eq!(n, 4);
}

use asynctools::pooled;

#[pooled(workers = 5)]
fn double(n: usize) -> usize {
    2 * n
}

#[pooled]
fn main() { //~ ERROR
    let n: usize = double(1).get();
    assert_eq!(n, 2);
}

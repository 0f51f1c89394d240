use asynctools::pooled;

#[pooled(workers = 5, sync = double)] //~ ERROR
fn double(n: usize) -> usize {
    2 * n
}

fn main() {
    let n: usize = double(double(1)).get();
    assert_eq!(n, 4);
}

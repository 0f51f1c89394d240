use asynctools::pooled;

#[pooled(workers = N)] //~ ERROR
fn f<const N: usize>(n: usize) -> usize {
    n + N
}

fn main() {}

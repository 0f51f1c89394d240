use asynctools::pooled;

#[pooled(workers = n + 1)] //~ ERROR
fn f(n: usize) -> usize {
    n
}

fn main() {}

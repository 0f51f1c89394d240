use asynctools::pooled;

#[pooled(workers = usize::max(n, 1))] //~ ERROR
fn f(n: usize) -> usize {
    n
}

fn main() {}

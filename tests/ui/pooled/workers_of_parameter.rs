use asynctools::pooled;

#[pooled(workers = n.min(4) + 1)] //~ ERROR
fn f(n: usize) -> usize {
    n
}

fn main() {}

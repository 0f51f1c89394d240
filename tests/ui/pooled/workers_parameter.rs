use asynctools::pooled;

#[pooled(workers = n)] //~ ERROR
fn f(n: usize) -> usize {
    n
}

fn main() {}

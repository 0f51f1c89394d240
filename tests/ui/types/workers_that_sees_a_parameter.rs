use asynctools::pooled;

#[pooled(workers = { const ONE: usize = 1; n + ONE })] //~ ERROR
fn f(n: usize) -> usize {
    n
}

fn main() {}

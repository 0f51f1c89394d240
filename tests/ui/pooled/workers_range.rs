use asynctools::pooled;

#[pooled(workers = 1..8)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(workers = ; queue = 6)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

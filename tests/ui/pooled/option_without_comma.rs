use asynctools::pooled;

#[pooled(workers = 5 queue = 3)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

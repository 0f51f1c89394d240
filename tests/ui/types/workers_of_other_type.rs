use asynctools::pooled;

const WORKERS: u32 = 5;

#[pooled(workers = WORKERS)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

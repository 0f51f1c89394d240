use asynctools::pooled;

#[pooled(workers = WORKERS)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

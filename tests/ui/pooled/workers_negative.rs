use asynctools::pooled;

#[pooled(workers = -1)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

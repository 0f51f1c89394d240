use asynctools::pooled;

#[pooled(workers = 0)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

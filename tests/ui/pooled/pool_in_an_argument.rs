use asynctools::pooled;

#[pooled(pool = pool_of(n))] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

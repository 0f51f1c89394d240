use asynctools::pooled;

#[pooled(pool = POOLS[usize::from(n) % 2])] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

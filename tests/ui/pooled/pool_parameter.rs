use asynctools::{Pool, pooled};

#[pooled(pool = pool)] //~ ERROR
fn f(pool: &Pool, n: u8) -> u8 {
    n + u8::try_from(pool.workers()).unwrap()
}

fn main() {}

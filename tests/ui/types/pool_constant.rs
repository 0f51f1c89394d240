use asynctools::{Pool, pooled};

const POOL: Pool = Pool::new(2);

#[pooled(pool = POOL)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

#[pooled(pool = &POOL)] //~ ERROR
fn by_reference(n: u8) -> u8 {
    n
}

fn main() {}

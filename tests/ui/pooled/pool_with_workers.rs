use asynctools::pooled;
use asynctools::Pool;

static POOL: Pool = Pool::new(5);

#[pooled(workers = 5, pool = POOL)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

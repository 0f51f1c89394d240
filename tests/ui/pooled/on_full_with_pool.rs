use asynctools::pooled;
use asynctools::Pool;

static POOL: Pool = Pool::new(5);

#[pooled(pool = POOL, on_full = "reject")] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

static WORKERS: usize = 5;

#[pooled(pool = WORKERS)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(pool = static)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(&POOL)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

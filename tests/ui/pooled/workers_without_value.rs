use asynctools::pooled;

#[pooled(workers)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

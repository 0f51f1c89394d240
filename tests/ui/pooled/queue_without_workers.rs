use asynctools::pooled;

#[pooled(queue = 100)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

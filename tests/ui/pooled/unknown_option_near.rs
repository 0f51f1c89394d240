use asynctools::pooled;

#[pooled(worker = 5)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

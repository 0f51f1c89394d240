use asynctools::pooled;

#[pooled(crate = "asynctools")] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(sync = now::f)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

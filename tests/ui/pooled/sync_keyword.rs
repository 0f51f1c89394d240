use asynctools::pooled;

#[pooled(sync = fn)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

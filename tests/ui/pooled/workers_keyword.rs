use asynctools::pooled;

#[pooled(workers = fn)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

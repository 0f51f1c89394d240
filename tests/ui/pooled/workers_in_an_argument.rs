use asynctools::pooled;

#[pooled(workers = usize::from(n))] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

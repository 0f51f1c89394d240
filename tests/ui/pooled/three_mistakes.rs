use asynctools::pooled;

#[pooled(worker = 5, queue = -1, on_full = block)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

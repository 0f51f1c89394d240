use asynctools::pooled;

#[pooled(workers = 5, queue = 100, on_full = "panic")] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

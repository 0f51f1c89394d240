use asynctools::pooled;

#[pooled(workers = 5, queue = 100, on_full = OnFull::Reject)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(workers = 5, on_full = "reject")] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

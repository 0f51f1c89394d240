use asynctools::pooled;

#[pooled(sync = "f_now")] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(sync = r#f)] //~ ERROR
fn f(n: u8) -> u8 {
    n
}

fn main() {}

use asynctools::pooled;

#[pooled(crate = tools)] //~ ERROR
fn f(n: u8, text: &str) -> usize {
    text.len() + usize::from(n)
}

fn main() {}

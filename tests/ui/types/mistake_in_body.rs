use asynctools::pooled;

#[pooled(workers = 5)]
fn f(text: &str) -> usize {
    text //~ ERROR
}

fn main() {}

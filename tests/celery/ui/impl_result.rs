use asynctools::celery;

#[celery]
fn numbers(n: u8) -> impl Iterator<Item = u8> {
    0..n
}

fn main() {}

use asynctools::celery;

#[celery]
fn apply(f: fn(u8) -> u8) -> u8 {
    f(1)
}

fn main() {}

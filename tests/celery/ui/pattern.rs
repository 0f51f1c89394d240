use asynctools::celery;

#[celery]
fn add((x, y): (u8, u8)) -> u8 {
    x + y
}

fn main() {}

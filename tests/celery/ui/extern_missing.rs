use asynctools::celery;

#[celery]
fn ping() -> u8;

fn main() {}

use asynctools::celery;

#[celery(extern = true)]
fn ping() -> u8;

fn main() {}

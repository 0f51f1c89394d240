use asynctools::celery;

#[celery(extern, max_retries = 3)]
fn ping() -> u8;

fn main() {}

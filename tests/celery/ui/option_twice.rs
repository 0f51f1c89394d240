use asynctools::celery;

#[celery(queue = "a", queue = "b")]
fn ping() {}

fn main() {}

use asynctools::celery;

#[celery(workers = 5)]
fn ping() {}

fn main() {}

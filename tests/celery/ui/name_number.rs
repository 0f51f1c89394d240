use asynctools::celery;

#[celery(name = 5)]
fn ping() {}

fn main() {}

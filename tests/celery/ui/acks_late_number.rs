use asynctools::celery;

#[celery(acks_late = 1)]
fn ping() {}

fn main() {}

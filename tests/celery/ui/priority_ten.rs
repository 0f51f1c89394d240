use asynctools::celery;

#[celery(priority = 10)]
fn ping() {}

fn main() {}

use asynctools::celery;

#[celery(sync = ping)]
fn ping() {}

fn main() {}

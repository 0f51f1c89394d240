use asynctools::celery;

#[celery]
#[asynctools::pooled]
fn ping() {}

fn main() {}

use asynctools::celery;

#[celery(name = "")]
fn ping() {}

fn main() {}

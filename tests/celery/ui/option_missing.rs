use asynctools::celery;

#[celery(queue)]
fn ping() {}

fn main() {}

use asynctools::celery;

#[celery(queue = "images\u{6}\u{16}3")]
fn ping() {}

fn main() {}

use asynctools::celery;

#[celery(que = "images")]
fn ping() {}

fn main() {}

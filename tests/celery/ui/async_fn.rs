use asynctools::celery;

#[celery]
async fn ping() {}

fn main() {}

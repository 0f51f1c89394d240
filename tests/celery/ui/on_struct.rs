use asynctools::celery;

#[celery]
struct Ping;

fn main() {}

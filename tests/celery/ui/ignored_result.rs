use asynctools::celery;

#[celery(ignore_result = true)]
fn ping() -> u8 {
    5
}

fn main() {}

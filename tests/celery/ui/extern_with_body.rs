use asynctools::celery;

#[celery(extern)]
fn ping() -> u8 {
    5
}

fn main() {}

use asynctools::celery;

struct Picture;

#[celery]
fn make() -> Picture {
    Picture
}

fn main() {}

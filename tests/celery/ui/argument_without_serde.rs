use asynctools::celery;

struct Picture;

#[celery]
fn show(picture: Picture) {
    let _ = picture;
}

fn main() {}

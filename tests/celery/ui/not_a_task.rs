use asynctools::celery;

#[celery(extern, name = "ml.score")]
fn score(text: String) -> f64;

fn worker() {
    let _ = celery::worker().task::<score>();
}

fn main() {}

use asynctools::celery;

#[celery]
fn head(text: &str) -> &str {
    &text[..1]
}

fn main() {}

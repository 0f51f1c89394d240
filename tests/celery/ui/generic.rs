use asynctools::celery;

#[celery]
fn first<T>(items: Vec<T>) -> usize {
    items.len()
}

fn main() {}

use asynctools::celery;

#[celery]
fn fill(items: &mut Vec<u8>) {
    items.clear();
}

fn main() {}

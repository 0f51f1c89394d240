use asynctools::celery;

#[celery]
fn count(items: Vec<u8>) -> usize
where
    u8: Copy,
{
    items.len()
}

fn main() {}

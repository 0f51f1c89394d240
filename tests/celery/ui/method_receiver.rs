use asynctools::celery;

struct Shop;

impl Shop {
    #[celery]
    fn open(&self) {}
}

fn main() {}

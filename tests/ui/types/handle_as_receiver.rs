use asynctools::parallel;

struct Page;

impl Page {
    fn words(&self) -> usize {
        0
    }
}

#[parallel]
fn load() -> Page {
    Page
}

fn main() {
    load().words(); //~ ERROR
}

use asynctools::parallel;

trait Fetch {
    fn fetch(&self) -> u8;
}

#[parallel]
impl Fetch for u8 { //~ ERROR
    fn fetch(&self) -> u8 {
        *self
    }
}

fn main() {
    assert_eq!(1.fetch(), 1);
}

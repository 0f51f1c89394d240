use asynctools::parallel;

trait Fetch {
    fn fetch(self) -> u8;
}

impl Fetch for u8 {
    #[parallel]
    fn fetch(self) -> u8 { //~ ERROR
        self
    }
}

fn main() {}

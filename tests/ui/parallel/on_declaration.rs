use asynctools::parallel;

trait Fetch {
    #[parallel]
    fn fetch(&self) -> u8; //~ ERROR
}

fn main() {}

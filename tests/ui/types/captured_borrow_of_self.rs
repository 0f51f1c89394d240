use asynctools::parallel;

#[derive(Clone)]
struct Client;

impl Client {
    #[parallel]
    fn f(&self) -> impl Iterator<Item = u8> { //~ ERROR
        0..9
    }
}

fn main() {}

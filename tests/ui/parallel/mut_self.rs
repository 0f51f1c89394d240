use asynctools::parallel;

#[derive(Clone)]
struct Client;

impl Client {
    #[parallel]
    fn f(&mut self) -> u8 { //~ ERROR
        0
    }
}

fn main() {}

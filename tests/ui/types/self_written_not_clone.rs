use asynctools::parallel;

struct Client;

impl Client {
    #[parallel]
    fn f(self: &Self, n: u8) -> u8 { //~ ERROR
        n
    }
}

fn main() {}

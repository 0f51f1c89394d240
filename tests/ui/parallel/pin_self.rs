use std::pin::Pin;

use asynctools::parallel;

#[derive(Clone)]
struct Client;

impl Client {
    #[parallel]
    fn f(self: Pin<&mut Self>) -> u8 { //~ ERROR
        0
    }
}

fn main() {}

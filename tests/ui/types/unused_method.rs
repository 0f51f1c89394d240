#![deny(dead_code)]

use asynctools::parallel;

#[derive(Clone)]
pub struct Client;

impl Client {
    #[parallel]
    fn f(&self) -> u8 { //~ ERROR
        1
    }
}

fn main() {}

use std::sync::Arc;

use asynctools::parallel;

#[derive(Clone)]
struct Client;

impl Client {
    #[parallel]
    fn f(self: &Arc<Self>) -> u8 { //~ ERROR
        0
    }
}

fn main() {}

use std::rc::Rc;

use asynctools::parallel;

#[derive(Clone)]
struct Client;

impl Client {
    #[parallel]
    fn f(self: Rc<Self>) -> u8 { //~ ERROR
        0
    }
}

fn main() {}

use std::rc::Rc;

use asynctools::parallel;

#[derive(Clone)]
struct Client {
    text: Rc<str>,
}

impl Client {
    #[parallel]
    fn f(&self) -> usize { //~ ERROR
        self.text.len()
    }
}

fn main() {}

use std::rc::Rc;

use asynctools::parallel;

struct Client;

impl Client {
    #[parallel]
    fn count(self: Rc<Self>, n: usize) -> Result<usize, String> { //~ ERROR
        Ok(n)
    }
}

fn main() {
    let n: Result<usize, String> = Rc::new(Client).count(1).get();
    assert_eq!(n, Ok(1));
}

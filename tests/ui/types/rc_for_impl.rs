use std::rc::Rc;

use asynctools::parallel;

#[parallel]
fn f(t: impl ToString + Send + 'static) -> String {
    t.to_string()
}

fn main() {
    f(Rc::new(1)).detach(); //~ ERROR
}

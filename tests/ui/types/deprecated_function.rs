#![deny(deprecated)]

use asynctools::parallel;

#[parallel(sync = f_now)]
#[deprecated = "g is better"]
pub fn f(n: u8) -> u8 {
    n
}

fn main() {
    f(1).detach(); //~ ERROR
}

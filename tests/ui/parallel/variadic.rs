use asynctools::parallel;

#[parallel]
extern "C" fn f(n: u8, _: ...) -> u8 { //~ ERROR
    n
}

fn main() {}

use asynctools::parallel;

#[parallel]
const fn f(n: u8) -> u8 { //~ ERROR
    n
}

fn main() {}

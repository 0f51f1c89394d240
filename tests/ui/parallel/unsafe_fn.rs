use asynctools::parallel;

#[parallel]
unsafe fn f(n: u8) -> u8 { //~ ERROR
    n
}

fn main() {}

use asynctools::parallel;

#[parallel]
extern "C" fn f(n: u8) -> u8 { //~ ERROR
    n
}

fn main() {}

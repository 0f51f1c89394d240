use asynctools::parallel;

#[parallel]
#[unsafe(no_mangle)] //~ ERROR
pub fn f(n: u8) -> u8 {
    n
}

fn main() {}

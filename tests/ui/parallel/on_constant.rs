use asynctools::parallel;

#[parallel]
const N: usize = 5; //~ ERROR

fn main() {}

use asynctools::parallel;

#[parallel]
fn main() {} //~ ERROR

use asynctools::pooled;

pub struct T;

#[pooled]
fn f(_t: T) {} //~ ERROR

fn main() {}

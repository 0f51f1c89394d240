use asynctools::parallel;

#[parallel]
fn f(g: Box<Fn(u8) -> u8 + Send>) -> u8 { //~ ERROR
    g(1)
}

fn main() {}

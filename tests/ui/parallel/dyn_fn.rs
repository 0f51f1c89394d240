use asynctools::parallel;

#[parallel]
fn apply(f: Box<dyn Fn(u8) -> u8>, n: u8) -> u8 { //~ ERROR
    f(n)
}

fn main() {
    apply(Box::new(|n| n), 1).get();
}

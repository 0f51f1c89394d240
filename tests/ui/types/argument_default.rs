use asynctools::parallel;

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    add(1, Default::default()).detach(); //~ ERROR
}

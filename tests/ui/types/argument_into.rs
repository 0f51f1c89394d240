use asynctools::parallel;

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    let n: i32 = 2;
    add(1, n.into()).detach(); //~ ERROR
}

use asynctools::parallel;

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    let n = add(1, 2);
    add(n, 1).detach();
    n.detach(); //~ ERROR
}

use asynctools::parallel;

#[parallel]
fn load(n: u8) -> Result<i64, String> {
    Ok(n.into())
}

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    let n = load(2);
    add(1, &n).detach(); //~ ERROR
}

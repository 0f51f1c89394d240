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
    add(1, load(2)).detach(); //~ ERROR
}

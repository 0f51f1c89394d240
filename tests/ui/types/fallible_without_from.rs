use asynctools::parallel;

#[parallel]
fn load(n: u8) -> Result<i64, String> {
    Ok(n.into())
}

#[parallel]
fn check(n: i64) -> Result<i64, std::fmt::Error> {
    Ok(n)
}

fn main() {
    check(load(2)).detach(); //~ ERROR
}

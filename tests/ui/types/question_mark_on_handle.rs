use asynctools::parallel;

#[parallel]
fn load(n: u8) -> Result<i64, String> {
    Ok(n.into())
}

fn main() -> Result<(), String> {
    let _: i64 = load(2)?; //~ ERROR
    Ok(())
}

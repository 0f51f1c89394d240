use std::error::Error;

use asynctools::parallel;

#[parallel]
fn parse(text: &str) -> Result<u8, Box<dyn Error>> { //~ ERROR
    Ok(text.parse()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!(parse("1").get()?, 1);
    Ok(())
}

use std::error::Error;

use asynctools::parallel;

#[parallel]
fn f(text: &str) -> Result<u8, Box<dyn Error>> { //~ ERROR
    Ok(text.parse()?)
}

fn main() {}

use std::error::Error;

use asynctools::pooled;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[pooled]
fn parse(text: &str) -> Result<u8> { //~ ERROR
    Ok(text.parse()?)
}

fn main() {}

use std::io;

use asynctools::Shared;
use asynctools::pooled;

#[pooled]
fn load() -> io::Result<String> {
    Ok(String::new())
}

#[pooled]
fn size(text: &str) -> io::Result<usize> {
    Ok(text.len())
}

fn main() {
    let text: Shared<io::Result<String>> = load().shared();
    size(text.clone()).detach(); //~ ERROR
}

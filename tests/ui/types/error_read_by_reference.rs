use std::io;

use asynctools::pooled;

#[pooled]
fn load() -> io::Result<u64> {
    Ok(1)
}

#[pooled]
fn double(n: u64) -> io::Result<u64> {
    Ok(2 * n)
}

fn main() {
    let n = load();
    double(&n).detach(); //~ ERROR
}

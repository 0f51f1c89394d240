use std::path::Path;

use asynctools::parallel;

#[parallel]
fn exists(path: &Path) -> bool {
    path.exists()
}

fn main() {
    exists("x").detach(); //~ ERROR
}

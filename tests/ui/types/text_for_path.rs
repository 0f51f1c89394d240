use std::path::Path;

use asynctools::parallel;

#[parallel]
fn exists(path: &Path) -> bool {
    path.exists()
}

fn main() {
    exists(String::from("x")).detach(); //~ ERROR
}

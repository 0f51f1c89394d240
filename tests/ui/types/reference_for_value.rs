use asynctools::parallel;

#[parallel]
fn size(text: String) -> usize {
    text.len()
}

fn main() {
    size("x").detach(); //~ ERROR
}

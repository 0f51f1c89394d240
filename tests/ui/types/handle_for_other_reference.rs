use asynctools::parallel;

#[parallel]
fn size(text: &str) -> usize {
    text.len()
}

fn main() {
    size(size("x")).detach(); //~ ERROR
}

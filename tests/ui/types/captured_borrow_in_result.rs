use asynctools::parallel;

#[parallel]
fn f(text: &str) -> impl Iterator<Item = char> { //~ ERROR
    text.chars()
}

fn main() {}

use asynctools::parallel;

#[parallel]
fn f(text: &str) -> impl Iterator<Item = char> + '_ { //~ ERROR
    text.chars()
}

fn main() {}

use asynctools::parallel;

#[parallel]
fn f(text: &str) -> &str { //~ ERROR
    text
}

fn main() {}

use asynctools::parallel;

#[parallel]
fn f((text, n): (&str, usize)) -> usize { //~ ERROR
    text.len() + n
}

fn main() {}

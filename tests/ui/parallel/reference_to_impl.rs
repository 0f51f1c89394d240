use asynctools::parallel;

#[parallel]
fn f(text: &impl AsRef<str>) -> usize { //~ ERROR
    text.as_ref().len()
}

fn main() {}

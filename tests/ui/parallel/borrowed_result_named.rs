use asynctools::parallel;

#[parallel]
fn f<'a>(text: &'a str) -> Option<&'a str> { //~ ERROR
    Some(text)
}

fn main() {}

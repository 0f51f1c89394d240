use asynctools::parallel;

#[parallel]
fn trim(text: &str) -> std::borrow::Cow<str> { //~ ERROR
    text.trim().into()
}

fn main() {
    trim("x").get();
}

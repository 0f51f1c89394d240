use asynctools::parallel;

#[parallel]
fn chars<T: Clone + Send + 'static>(text: &mut String, t: T, suffix: impl ToString + 'static) -> impl Iterator<Item = T> { //~ ERROR
    text.push_str(&suffix.to_string());
    std::iter::repeat_n(t, text.len())
}

fn main() {
    let n: Option<u8> = chars(&mut String::new(), 1u8, "x").get().next();
    assert_eq!(n, Some(1));
}

//! Parameters that take plain values: closures, `impl Trait`, `fn(..)`.

use std::fmt::Display;

use asynctools::parallel;

#[parallel]
fn opaque(shown: impl Display + Send + 'static, many: Vec<impl Display + Send + 'static>) -> String {
    format!("{shown}{}", many.iter().map(ToString::to_string).collect::<String>())
}

#[parallel]
fn opaque_beside_generic<T: Display + Send + 'static>(a: impl Display + Send + 'static, b: T) -> String {
    format!("{a}{b}")
}

#[parallel]
fn opaque_closure(f: impl Fn(&str) -> usize + Send + 'static, text: &str) -> usize {
    f(text)
}

#[parallel]
fn pointer(f: fn(i32) -> i32, n: i32) -> i32 {
    f(n)
}

#[parallel]
fn pointer_to_borrower(f: fn(&str) -> &str, text: &str) -> String {
    f(text).to_owned()
}

#[parallel]
fn bounded<F: Fn(&str) -> usize + Send + 'static>(f: F, text: &str) -> usize {
    f(text)
}

#[parallel]
fn bounded_after<F, G>(mut f: F, g: G) -> Vec<usize>
where
    F: FnMut(&str) -> usize + Send + 'static,
    G: std::ops::FnOnce() -> usize,
    G: Send + 'static,
{
    vec![f("a"), f("b"), g()]
}

#[parallel]
fn bounded_for<F>(f: F) -> String
where
    for<'a> F: Fn(&'a str) -> &'a str + Send + 'static,
{
    f(" x ").to_owned()
}

#[test]
fn closures_and_coercions_as_in_a_plain_call() {
    assert_eq!(opaque(1, vec!["a", "b"]).get(), "1ab");
    assert_eq!(opaque_beside_generic::<u8>("a", 1).get(), "a1");
    assert_eq!(opaque_closure(|text| text.len(), "four").get(), 4);
    assert_eq!(pointer(|n| n + 1, 1).get(), 2);
    assert_eq!(pointer(i32::abs, -1).get(), 1);
    assert_eq!(pointer_to_borrower(str::trim, " x ").get(), "x");
    assert_eq!(bounded(|text| text.len(), "four").get(), 4);
    let mut calls = 0;
    let count = move |text: &str| {
        calls += text.len();
        calls
    };
    assert_eq!(bounded_after(count, || 7).get(), [1, 2, 7]);
    assert_eq!(bounded_for(|text| text.trim()).get(), "x");
}

//! Parameters by value: patterns, arrays, handles, conditions.

use std::borrow::Cow;

use asynctools::{AsyncValue, parallel};

use crate::grammar::Config;

#[parallel]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[parallel]
fn patterns((a, mut b): (i64, i64), [c, ..]: [i64; 3], Config { depth }: Config, _: u8, _unused: u8) -> i64 {
    b += a + c;
    b + i64::try_from(depth).unwrap()
}

#[parallel]
fn mutable(mut list: Vec<u8>, ref other: String, whole @ (n, _): (usize, usize)) -> (Vec<u8>, usize) {
    list.push(9);
    (list, other.len() + n + whole.1)
}

#[parallel]
fn raw(r#type: u8, r#fn: u8) -> u8 {
    r#type - r#fn
}

#[parallel]
fn r#try(n: u8) -> u8 {
    n
}

#[parallel]
fn forever(text: &'static str, list: &'static [&'static str]) -> (&'static str, usize) {
    (text, list.len())
}

#[parallel]
fn owned_cow(text: Cow<'static, str>) -> usize {
    text.len()
}

#[parallel]
fn boxed(task: Box<dyn Fn(&str) -> usize + Send>) -> usize {
    task("four")
}

#[parallel]
fn array<const N: usize>(numbers: [u8; N]) -> usize {
    numbers.len()
}

#[parallel]
fn handle_itself(n: AsyncValue<i64>) -> i64 {
    n.get()
}

#[parallel]
fn twelve(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> [u8; 12] {
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

#[test]
fn plain_values() {
    assert_eq!(add(1, 2).get(), 3);
    let config = Config { depth: 1000 };
    assert_eq!(patterns((1, 2), [10, 20, 30], config, 0, 0).get(), 1013);
    assert_eq!(mutable(vec![1], "ab".to_owned(), (3, 4)).get(), (vec![1, 9], 9));
    assert_eq!(raw(3, 1).get(), 2);
    assert_eq!(r#try(3).get(), 3);
    assert_eq!(forever("x", &["a", "b"] as &[&str]).get(), ("x", 2));
    assert_eq!(owned_cow(Cow::from("four")).get(), 4);
    assert_eq!(boxed(Box::new(str::len) as Box<dyn Fn(&str) -> usize + Send>).get(), 4);
    assert_eq!(array([1, 2, 3]).get(), 3);
    assert_eq!(handle_itself(add(1, 2)).get(), 3);
    assert_eq!(twelve(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).get().iter().sum::<u8>(), 78);
}

#[test]
fn handles() {
    let three = add(1, 2);
    assert_eq!(add(&three, &three).get(), 6);
    assert_eq!(add(add(three, 1), add(2, 3)).get(), 9);
}

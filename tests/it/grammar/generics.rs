//! Generic functions.

use std::collections::HashMap;

use asynctools::{AsyncValue, parallel};

#[parallel]
fn same<T: Send + 'static>(t: T) -> T {
    t
}

#[parallel]
fn collected<T, U>(list: Vec<T>, default: U) -> HashMap<T, U>
where
    T: std::hash::Hash + Eq + Send + 'static,
    U: Clone + Send + 'static,
{
    list.into_iter().map(|key| (key, default.clone())).collect()
}

#[parallel]
fn filled<T: Copy + Send + 'static, const N: usize>(t: T) -> [T; N] {
    [t; N]
}

#[parallel]
fn of_bounds<T: for<'a> From<&'a str> + Send + 'static>(text: &str) -> T {
    T::from(text)
}

#[parallel]
fn fallible<T: Send + 'static, E: Send + 'static>(t: T, e: E, fails: bool) -> Result<T, E> {
    if fails { Err(e) } else { Ok(t) }
}

#[test]
fn generics_mean_what_they_say() {
    assert_eq!(same("x").get(), "x");
    assert_eq!(same::<u8>(1).get(), 1);
    assert_eq!(collected(vec![1, 2], "x").get()[&2], "x");
    assert_eq!(filled::<_, 3>(1).get(), [1, 1, 1]);
    assert_eq!(of_bounds::<String>("x").get(), "x");
    assert_eq!(fallible(1, "e", true).get(), Err("e"));
    assert_eq!(fallible(1, "e", false).get(), Ok(1));
    let handle: AsyncValue<u8> = same(same(1u8));
    assert_eq!(handle.get(), 1);
}

//! Parameters, generics and attributes under a condition.

use asynctools::{parallel, pooled};

#[parallel]
fn parameters(a: u8, #[cfg(test)] b: u8, #[cfg(not(test))] c: String, #[cfg(any())] d: u8) -> u8 {
    a + b
}

#[parallel]
fn by_cfg_attr(
    #[cfg_attr(test, cfg(all()), expect(unused_variables, reason = "to be expected"))] a: u8,
    #[cfg_attr(all(), cfg(any()))] b: u8,
    #[cfg_attr(any(), cfg(any()))] c: u8,
    #[cfg_attr(all(), cfg_attr(test, cfg(any()), allow(unused_variables)))] d: u8,
    #[cfg_attr(test, allow(unused_variables, reason = "to be allowed"))] e: u8,
    #[cfg(test)]
    #[cfg_attr(test, cfg(not(test)))]
    f: u8,
) -> u8 {
    c
}

#[pooled(workers = 2)]
fn generics<
    #[cfg(test)] T: Into<u64> + Send + 'static,
    #[cfg(any())] U: Default,
    #[cfg_attr(test, cfg(all()))] const N: usize,
    #[cfg_attr(test, cfg(any()))] const M: usize,
>(
    #[cfg(test)] values: [T; N],
    #[cfg(not(test))] values: U,
) -> u64 {
    values.into_iter().map(Into::into).sum()
}

#[parallel]
fn lifetimes<#[cfg(test)] 'a: 'a, #[cfg(any())] 'b>(#[cfg(test)] text: &'a str, #[cfg(any())] text: &'b str) -> usize {
    let text: &'a str = text;
    text.len()
}

#[derive(Clone)]
struct Client(u8);

impl Client {
    #[parallel(sync = add_now)]
    fn add<#[cfg(any())] T>(&self, n: u8, #[cfg_attr(all(), cfg(any()))] m: T) -> u8 {
        self.0 + n
    }
}

#[parallel]
#[cfg_attr(all(), cfg(any()))]
fn absent(n: Absent) -> Absent {
    n
}

#[parallel(sync = attributes_now)]
#[cfg_attr(test, doc = "The docs of a test.", must_use, cfg_attr(all(), inline, expect(unused_variables)))]
#[cfg_attr(any(), deprecated, no_such_attribute, cfg(any()))]
fn attributes(n: u8) -> u8 {
    1
}

#[test]
fn a_part_is_there_if_its_condition_holds() {
    assert_eq!(parameters(1, 2).get(), 3);
    assert_eq!(by_cfg_attr(1, 2, 3).get(), 2);
    assert_eq!(generics([1_u32, 2]).get(), 3);
    assert_eq!(lifetimes("four").get(), 4);
    assert_eq!(Client(1).add(2).get(), Client(1).add_now(2));
    assert_eq!(attributes(2).get(), attributes_now(2));
}

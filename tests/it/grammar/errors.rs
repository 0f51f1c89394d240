//! Functions that can fail, and the errors that they pass on.

use std::io;

use asynctools::{AsyncList, parallel};

use crate::grammar::High;
use crate::grammar::Low;

mod own {
    pub(super) type Result<T> = std::result::Result<T, crate::grammar::High>;
}

type LoadResult<T> = Result<T, Low>;

#[parallel]
fn low(n: u8) -> Result<u8, Low> {
    if n > 9 { Err(Low(n)) } else { Ok(n) }
}

#[parallel]
fn high(n: u8) -> Result<u8, High> {
    Ok(n + 1)
}

#[parallel]
fn of_alias(n: u8) -> own::Result<u8> {
    Ok(n + 1)
}

#[parallel]
#[expect(unused_parens, reason = "they are the point")]
fn in_parentheses(n: u8) -> (own::Result<u8>) {
    Ok(n + 1)
}

#[parallel]
fn of_other_alias(n: u8) -> LoadResult<u8> {
    Ok(n)
}

#[parallel]
fn of_io(n: u8) -> io::Result<u8> {
    if n > 9 { Err(io::Error::other("io")) } else { Ok(n) }
}

#[parallel]
fn of_fmt(text: &str) -> std::fmt::Result {
    if text.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
}

#[parallel]
fn boxed(n: u8) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    Ok(n + "1".parse::<u8>()?)
}

#[parallel]
fn sum(numbers: Vec<u8>) -> Result<u8, High> {
    Ok(numbers.iter().sum())
}

#[parallel]
fn size(text: &str) -> Result<usize, High> {
    Ok(text.len())
}

#[parallel]
fn load(n: u8) -> Result<String, Low> {
    if n > 9 { Err(Low(n)) } else { Ok(n.to_string()) }
}

#[test]
fn an_error_crosses_the_edge() {
    assert_eq!(high(low(1)).get(), Ok(2));
    assert_eq!(high(low(10)).get(), Err(High(110)));
    let failed = low(10);
    assert_eq!(high(&failed).get(), Err(High(110)));
    assert_eq!(failed.get(), Err(Low(10)));
    assert_eq!(of_alias(low(10)).get(), Err(High(110)));
    assert_eq!(in_parentheses(high(low(10))).get(), Err(High(110)));
    assert_eq!(size(load(5)).get(), Ok(1));
    assert_eq!(size(load(10)).get(), Err(High(110)));
    assert_eq!(of_io(of_io(10)).get().unwrap_err().to_string(), "io");
    assert_eq!(boxed(of_io(10)).get().unwrap_err().to_string(), "io");
    assert_eq!(boxed(of_io(1)).get().unwrap(), 2);
    let list: AsyncList<_> = (8..12).map(low).collect();
    assert_eq!(sum(list).get(), Err(High(110)));
    assert!(of_fmt("").get().is_err());
}

trait Message {
    type Result: Send + 'static;
    fn answer(&self) -> Self::Result;
}

struct Ping(u8);

impl Message for Ping {
    type Result = Result<u8, High>;
    fn answer(&self) -> Self::Result {
        Ok(self.0)
    }
}

impl Message for &'static str {
    type Result = usize;
    fn answer(&self) -> usize {
        self.len()
    }
}

trait Sent: Message + Clone + Send + 'static {
    #[parallel]
    fn sent(&self) -> Self::Result {
        self.answer()
    }
}

impl<M: Message + Clone + Send + 'static> Sent for M {}

#[parallel]
fn send<M: Message + Send + 'static>(message: M) -> M::Result {
    message.answer()
}

#[parallel]
fn send_written<M>(message: M, _n: u8) -> <M as Message>::Result
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    message.answer()
}

#[parallel]
fn send_fallible<M: Message<Result = Result<u8, High>> + Send + 'static>(message: M, _n: u8) -> M::Result {
    message.answer()
}

#[parallel]
fn ping(ping: Ping, _n: u8) -> <Ping as Message>::Result {
    ping.answer()
}

#[test]
fn a_result_of_a_generic_is_a_result_where_a_bound_says_so() {
    assert_eq!(send("abc").get(), 3);
    assert_eq!(send(Ping(1)).get(), Ok(1));
    assert_eq!(send_written("abc", 1).get(), 3);
    assert_eq!("abc".sent().get(), 3);
    assert_eq!(send_fallible(Ping(1), low(10)).get(), Err(High(110)));
    assert_eq!(ping(Ping(1), low(10)).get(), Err(High(110)));
}

#[test]
fn an_alias_of_another_name_is_a_value() {
    assert_eq!(of_other_alias(10).get(), Ok(10));
    assert_eq!(of_other_alias(low(1).get().unwrap()).get(), Ok(1));
}

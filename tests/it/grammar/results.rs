//! What a function may return.

use std::fmt::Debug;
use std::fmt::Display;
use std::io;

use asynctools::parallel;

use crate::grammar::Low;

#[parallel]
fn nothing() {}

#[parallel]
fn number() -> u8 {
    7
}

#[parallel]
fn never(stop: bool) -> ! {
    assert!(!stop, "stopped");
    loop {
        std::thread::park();
    }
}

#[parallel]
fn opaque(text: &str) -> impl Display {
    text.to_uppercase()
}

#[parallel]
fn opaque_with_uses<T: ToString + Send + 'static>(text: &str, t: T) -> impl Display + use<T> {
    format!("{text}{}", t.to_string())
}

#[parallel]
fn opaque_parts(n: u8) -> (impl Iterator<Item = impl Display>, Vec<impl Fn(&str) -> usize>) {
    (0..n, vec![str::len])
}

#[parallel]
fn opaque_result(n: u8) -> Result<impl Display + Debug, Low> {
    if n > 9 { Err(Low(n)) } else { Ok(n) }
}

#[parallel]
#[expect(clippy::unnecessary_wraps, reason = "the result is the case")]
fn opaque_io_result(n: u8) -> io::Result<impl Display + Debug> {
    Ok(n)
}

#[parallel]
fn opaque_error(n: u8) -> Result<u8, impl Debug> {
    if n > 9 { Err("too many") } else { Ok(n) }
}

#[parallel]
fn boxed(n: u8) -> Box<dyn Fn(&str) -> String + Send> {
    Box::new(move |text| format!("{text}{n}"))
}

#[parallel]
fn pointer() -> fn(&str) -> &str {
    str::trim
}

#[parallel]
fn forever() -> &'static str {
    "static"
}

#[parallel]
fn forever_opaque(n: &u8) -> (&'static impl Display, Vec<&'static (impl Display + Sync)>) {
    (if *n == 0 { &"zero" } else { &"some" }, vec![&7])
}

#[parallel]
fn projected(n: u8) -> <Vec<u8> as IntoIterator>::Item {
    n
}

#[test]
fn any_owned_result() {
    nothing().get();
    assert_eq!(number().get(), 7);
    assert!(never(true).outcome().is_err());
    assert_eq!(opaque("abc").get().to_string(), "ABC");
    assert_eq!(opaque_with_uses("a", 1).get().to_string(), "a1");
    let (numbers, lengths) = opaque_parts(3).get();
    assert_eq!(numbers.map(|n| n.to_string()).collect::<String>(), "012");
    assert_eq!(lengths[0]("four"), 4);
    assert_eq!(opaque_result(1).get().unwrap().to_string(), "1");
    assert_eq!(opaque_result(10).get().unwrap_err(), Low(10));
    assert_eq!(opaque_io_result(1).get().unwrap().to_string(), "1");
    assert_eq!(opaque_error(1).get().unwrap(), 1);
    assert_eq!(format!("{:?}", opaque_error(10).get().unwrap_err()), "\"too many\"");
    assert_eq!(boxed(1).get()("n"), "n1");
    assert_eq!(pointer().get()(" x "), "x");
    assert_eq!(forever().get(), "static");
    let (text, numbers) = forever_opaque(&1).get();
    assert_eq!(format!("{text}{}", numbers[0]), "some7");
    assert_eq!(projected(3).get(), 3);
}

#[test]
fn a_handle_of_an_opaque_result_outlives_the_arguments() {
    let handle = {
        let text = String::from("abc");
        opaque(&text)
    };
    assert_eq!(handle.get().to_string(), "ABC");
}

/// Results of a program's own `Result`. Only a handle can fail before a call, and none of these functions takes one.
mod own_result {
    use asynctools::parallel;

    #[derive(Debug, PartialEq)]
    struct Result<T>(T);

    #[parallel]
    fn no_argument() -> Result<u8> {
        Result(7)
    }

    #[parallel]
    fn plain_argument(number: impl Into<u8> + Send + 'static) -> Result<u8> {
        Result(number.into())
    }

    #[test]
    fn a_type_may_be_named_result() {
        assert_eq!(no_argument().get(), Result(7));
        assert_eq!(plain_argument(8_u8).get(), Result(8));
    }
}

//! What a call can be written like without a type annotation.

#![expect(clippy::needless_borrows_for_generic_args, reason = "what may be borrowed is the point")]

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Shared;
use asynctools::pooled;

use crate::helpers::watched;

#[derive(Clone)]
struct Config(u32);
struct NoClone(u32);
#[derive(Clone, PartialEq, Debug)]
struct Low;
#[derive(PartialEq, Debug)]
struct High;

impl From<Low> for High {
    fn from(Low: Low) -> Self {
        Self
    }
}

#[pooled]
fn heavy(a: i64, b: i64) -> i64 {
    a * 10 + b
}

#[pooled]
fn fetch(url: &str) -> Result<String, Low> {
    if url.is_empty() { Err(Low) } else { Ok(format!("page {url}")) }
}

#[pooled]
fn words(text: &str) -> Result<usize, High> {
    Ok(text.split(' ').count())
}

#[pooled]
fn parse(text: String) -> Result<usize, High> {
    Ok(text.len())
}

#[pooled]
fn sum(numbers: &[u32]) -> u32 {
    numbers.iter().sum()
}

#[pooled]
fn total(numbers: Vec<usize>) -> Result<usize, High> {
    Ok(numbers.iter().sum())
}

#[pooled]
fn conf(config: &Config) -> u32 {
    config.0
}

#[pooled]
fn no_clone(value: &NoClone) -> u32 {
    value.0
}

#[pooled]
fn open(path: &Path) -> usize {
    path.components().count()
}

#[pooled]
fn show(handle: AsyncValue<i64>) -> i64 {
    handle.get()
}

#[pooled]
fn generic<T: Clone + Send + 'static>(value: T) -> T {
    value
}

#[test]
fn numbers_and_handles() {
    watched(|| {
        assert_eq!(heavy(1, heavy(2, heavy(1, 3))).get(), 43);
        let both = heavy(1, 2);
        assert_eq!(heavy(&both, &both).get(), 132);
        assert_eq!(show(both).get(), 12);
        assert_eq!((0..4i64).map(|i| heavy(i, 1)).collect::<AsyncList<_>>().get(), [1, 11, 21, 31]);
        assert_eq!(generic(3u8).get(), 3);
        assert_eq!(generic("s".to_string()).get(), "s");
        let n: u8 = generic(generic(3u8)).get();
        assert_eq!(n, 3);
    });
}

#[test]
fn texts_and_handles() {
    watched(|| {
        assert_eq!(words(fetch("x")).get(), Ok(2));
        assert_eq!(parse(fetch(&String::new())).get(), Err(High));
        assert_eq!(words("literal").get(), Ok(1));
        assert_eq!(words(String::new()).get(), Ok(1));
        assert_eq!(words(Arc::<str>::from("x y")).get(), Ok(2));
        assert_eq!(words(Box::<str>::from("x y")).get(), Ok(2));
        let page: Shared<String> = AsyncValue::ready("a b c".to_owned()).shared();
        assert_eq!(words(page.clone()).get(), Ok(3));
        assert_eq!(parse(&page).get(), Ok(5));
        assert_eq!(words(fetch("x").shared()).get(), Ok(2));

        let text = "one\ntwo words";
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.iter().map(fetch).collect::<AsyncList<_>>().join().0, ["page one", "page two words"]);
        assert_eq!(text.lines().map(fetch).collect::<AsyncList<_>>().len(), 2);
        assert_eq!(vec!["a b".to_owned()].into_iter().map(words).collect::<AsyncList<_>>().get(), [Ok(2)]);
    });
}

#[test]
fn slices_and_lists() {
    watched(|| {
        assert_eq!(sum(vec![1, 2]).get(), 3);
        assert_eq!(sum(&vec![1, 2]).get(), 3);
        assert_eq!(sum(&[1, 2, 3]).get(), 6);
        assert_eq!(sum(AsyncValue::ready(vec![1, 2])).get(), 3);
        assert_eq!(sum(AsyncList::from_iter([AsyncValue::ready(1), AsyncValue::ready(2)])).get(), 3);
        assert_eq!(total((1..=3).map(|n| AsyncValue::ready(Ok::<_, High>(n))).collect::<AsyncList<_>>()).get(), Ok(6));
        assert_eq!(total(["a b", "c"].into_iter().map(words).collect::<AsyncList<_>>()).get(), Ok(3));
        assert_eq!(total(vec![]).get(), Ok(0));
        assert_eq!(total(Vec::new()).get(), Ok(0));
    });
}

#[test]
fn types_and_paths() {
    watched(|| {
        assert_eq!(conf(&Config(1)).get(), 1);
        assert_eq!(conf(Arc::new(Config(1))).get(), 1);
        assert_eq!(conf(AsyncValue::ready(Config(1))).get(), 1);
        assert_eq!(conf(&AsyncValue::ready(Config(1))).get(), 1);
        assert_eq!(no_clone(Arc::new(NoClone(1))).get(), 1);
        assert_eq!(no_clone(AsyncValue::ready(NoClone(1))).get(), 1);
        assert_eq!(no_clone(AsyncValue::ready(NoClone(1)).shared()).get(), 1);
        assert_eq!(open(Path::new("x")).get(), 1);
        assert_eq!(open(PathBuf::new()).get(), 0);
        assert_eq!(open(&PathBuf::new()).get(), 0);
    });
}

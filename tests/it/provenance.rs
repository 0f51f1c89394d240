//! Where a loss came from: the path of a `TaskError`, its root, and who gets the payload of a panic.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use asynctools::AsyncList;
use asynctools::AsyncValue;
use asynctools::Pool;
use asynctools::TaskError;
use asynctools::parallel;
use asynctools::pooled;

use crate::fates::Fate;
use crate::helpers::watched;

static POOL: Pool = Pool::new(2);

#[pooled(pool = POOL)]
fn fetch(url: &str) -> String {
    assert!(url != "bad", "no such page");
    url.to_owned()
}
const FETCH: u32 = line!() - 4;

#[parallel]
fn parse(page: String) -> usize {
    page.len()
}

#[pooled(pool = POOL)]
fn report(a: usize, b: usize, c: usize) -> usize {
    a + b + c
}

#[pooled(pool = POOL)]
fn next(n: u64) -> u64 {
    n + 1
}

struct Store;

impl Store {
    #[pooled(pool = POOL)]
    fn save(self, n: usize) -> usize {
        n
    }
}

/// `name (this file:line)`
fn site(name: &str, line: u32) -> String {
    format!("{name} ({}:{line})", file!())
}

fn text_of<R>(panicked: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(panicked)).err().expect("lost");
    let literal = payload.downcast_ref::<&str>().map(ToString::to_string);
    literal.or_else(|| payload.downcast_ref().cloned()).expect("a text")
}

#[test]
fn the_path_is_printed_nearest_first() {
    watched(|| {
        let (page, fetched) = (fetch("bad"), line!());
        let (parsed, at_parse) = (parse(page), line!());
        let (call, at_report) = (report(1, parsed, 3), line!());
        let error = call.outcome().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} <- {} <- {}: panicked: no such page",
                site("report", at_report),
                site("parse", at_parse),
                site("fetch", fetched)
            )
        );
        let functions: Vec<_> = error.path().map(|site| site.function()).collect();
        assert_eq!(
            functions,
            [
                concat!(module_path!(), "::report"),
                concat!(module_path!(), "::parse"),
                concat!(module_path!(), "::fetch")
            ]
        );
        assert_eq!(error.path().map(|site| site.line()).collect::<Vec<_>>(), [at_report, at_parse, fetched]);
        assert!(error.path().all(|site| site.file() == file!()));
    });
}

#[test]
fn methods_closures_and_combinators_have_sites_too() {
    watched(|| {
        let (call, at) = (POOL.spawn(|| -> usize { panic!("boo") }).map(|n| n + 1).zip(AsyncValue::ready(1)), line!());
        let (call, at_save) = (Store.save(call.map(|(n, _)| n)), line!());
        let error = call.outcome().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} <- {} <- {} <- {} <- {}: panicked: boo",
                site("save", at_save),
                site("map", at_save),
                site("zip", at),
                site("map", at),
                site("spawn", at)
            )
        );
        let (error, at) = (parallel(|| -> u8 { panic!("boo") }).outcome().unwrap_err(), line!());
        assert_eq!(error.to_string(), format!("{}: panicked: boo", site("parallel", at)));
        let (error, at) = (POOL.map([1], |_| -> u8 { panic!("boo") }).map(|all| all.len()), line!());
        assert_eq!(
            error.outcome().unwrap_err().to_string(),
            format!("{} <- {}: panicked: boo", site("map", at), site("map", at))
        );
    });
}

#[test]
fn a_call_through_a_function_value_shows_the_functions_own_line() {
    watched(|| {
        let pages: AsyncList<_> = ["good", "bad"].into_iter().map(fetch).collect();
        let error = pages.outcomes().pop().unwrap().unwrap_err();
        let first = error.path().next().unwrap();
        assert_eq!(first.file(), file!());
        assert!((FETCH - 1..=FETCH).contains(&first.line()), "{} is not the line of the function", first.line());
        assert_eq!(error.to_string(), format!("{}: panicked: no such page", site("fetch", first.line())));
        let (error, at) = (["bad"].map(|url| fetch(url)).map(AsyncValue::outcome), line!());
        assert_eq!(error[0].as_ref().unwrap_err().path().next().unwrap().line(), at, "a closure has a line of its own");
    });
}

#[test]
fn every_loss_is_told_with_its_path() {
    watched(|| {
        let texts = [
            (Fate::Panicked, "panicked: no luck"),
            (Fate::Cancelled, "cancelled"),
            (Fate::Abandoned, "abandoned: the promise was dropped unset"),
            (Fate::Closed, "the pool is closed"),
        ];
        for (fate, text) in texts {
            let method = if fate == Fate::Abandoned { "promise" } else { "spawn" };
            let (lost, end) = fate.call(1_u64);
            let (call, at) = (next(lost), line!());
            end.now();
            let error = call.outcome().unwrap_err();
            let names: Vec<_> = error.path().map(|site| site.function()).collect();
            assert_eq!(names, [concat!(module_path!(), "::next"), method]);
            assert!(error.to_string().starts_with(&format!("{} <- {method} (", site("next", at))), "{error}");
            assert!(error.to_string().ends_with(&format!("): {text}")), "{error}");
        }
    });
}

#[test]
fn get_names_the_call_and_what_happened() {
    watched(|| {
        for fate in [Fate::Cancelled, Fate::Abandoned, Fate::Closed] {
            let (lost, end) = fate.call(1_u64);
            end.now();
            let own = text_of(|| lost.get());
            assert!(own.starts_with("spawn (") || own.starts_with("promise ("), "{own}");
            let (lost, end) = fate.call(1_u64);
            let (call, at) = (next(lost), line!());
            end.now();
            let text = text_of(|| call.get());
            assert!(text.starts_with(&format!("{} <- ", site("next", at))), "{text}");
            assert!(text.ends_with(&own[own.find("): ").unwrap()..]), "{text} does not say what {own} says");
        }
    });
}

#[test]
fn root_and_source() {
    watched(|| {
        let error = next(next(fetch("bad").map(|_| 1))).outcome().unwrap_err();
        let TaskError::Upstream(upstream) = &error else { panic!("{error}") };
        assert_eq!((upstream.left_out(), upstream.others()), (0, 0));
        let TaskError::Panicked(panic) = error.root() else { panic!("{error}") };
        assert_eq!(panic.message(), "no such page");
        let source = error.source().expect("what crossed an edge has a source");
        let source: &TaskError = source.downcast_ref().expect("the source is the root");
        assert!(std::ptr::eq(source, error.root()));
        assert!(source.to_string().starts_with("fetch ("), "{source}");
        assert!(matches!(source.root(), TaskError::Panicked(_)), "the root of a root is itself");
        assert!(source.source().is_none());

        let (lost, end) = Fate::Cancelled.call(1_u64);
        end.now();
        let own = lost.outcome().unwrap_err();
        assert!(matches!(own, TaskError::Cancelled) && own.path().next().is_none() && own.source().is_none());
        assert!(size_of::<TaskError>() <= 16);
    });
}

/// The error of so many calls after a lost one.
fn lost_after(links: usize) -> TaskError {
    let (promise, mut call) = AsyncValue::promise();
    for _ in 0..links {
        call = next(call);
    }
    drop(promise);
    call.outcome().unwrap_err()
}

#[test]
fn of_a_long_path_both_ends_are_kept() {
    watched(|| {
        for (links, left_out) in [(15, 0), (16, 1), (17, 2), (1000, 985)] {
            let error = lost_after(links);
            let TaskError::Upstream(upstream) = &error else { panic!("{error}") };
            assert_eq!((error.path().count(), upstream.left_out()), (16, left_out));
            let text = error.to_string();
            let steps: Vec<_> = text.split(" <- ").collect();
            if left_out == 0 {
                assert_eq!(steps.len(), 16);
                assert!(!text.contains("more"), "{text}");
            } else {
                assert_eq!(steps.len(), 17);
                assert_eq!(steps[8], format!("({left_out} more)"));
            }
            assert!(steps[..8].iter().all(|step| step.starts_with("next (")), "{text}");
            assert!(steps.last().unwrap().starts_with("promise ("), "{text}");
        }
    });
}

#[test]
fn the_nearest_of_a_long_path_are_the_nearest() {
    watched(|| {
        let (promise, mut call) = AsyncValue::<u64>::promise();
        let at_root = line!() - 1;
        let first;
        (call, first) = (next(call), line!());
        for _ in 0..100 {
            call = next(call);
        }
        let last;
        (call, last) = (next(call), line!());
        drop(promise);
        let error = call.outcome().unwrap_err();
        let lines: Vec<_> = error.path().map(|site| site.line()).collect();
        assert_eq!((lines[0], lines[14], lines[15]), (last, first, at_root));
        assert!(lines[1..14].iter().all(|line| (first..last).contains(line) && *line > first), "{lines:?}");
    });
}

#[test]
fn others_are_counted_along_the_whole_way() {
    watched(|| {
        let lost = || {
            let (promise, value) = AsyncValue::<usize>::promise();
            drop(promise);
            value
        };
        let one = report(lost(), 1, lost());
        let error = report(one, lost(), lost()).outcome().unwrap_err();
        let TaskError::Upstream(upstream) = &error else { panic!("{error}") };
        assert_eq!(upstream.others(), 3);
        assert!(error.to_string().ends_with(" (+3 others)"), "{error}");
        let error = AsyncList::from_iter([AsyncValue::ready(1), lost(), lost()]).map(|all| all.len()).outcome();
        assert!(error.unwrap_err().to_string().ends_with(" (+1 other)"));
    });
}

#[test]
fn the_first_reader_of_a_panic_gets_its_payload_and_the_others_its_text() {
    watched(|| {
        let bad = POOL.spawn(|| -> u64 { std::panic::panic_any(7_u32) });
        let (left, right) = (next(&bad), next(&bad));
        let bottom = report(left.map(|_| 1), right.map(|_| 1), 1);
        let payload = catch_unwind(AssertUnwindSafe(|| bottom.get())).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&7_u32));
        let text = text_of(|| bad.get());
        assert!(text.starts_with("spawn (") && text.ends_with("): panicked: Box<dyn Any>"), "{text}");

        let bad = POOL.spawn(|| -> u64 { panic!("no luck") }).shared();
        let (left, (right, at)) = (next(&bad), (next(&bad), line!()));
        assert_eq!(text_of(|| left.get()), "no luck");
        let text = text_of(|| right.get());
        assert!(text.starts_with(&site("next", at)) && text.ends_with("): panicked: no luck"), "{text}");
        let text = text_of(|| *bad.get());
        assert!(text.starts_with("spawn (") && text.ends_with("): panicked: no luck"), "{text}");
    });
}

#[test]
fn outcome_leaves_the_payload_to_get() {
    watched(|| {
        let bad = POOL.spawn(|| -> u64 { std::panic::panic_any(7_u32) }).shared();
        assert!(bad.outcome().is_err() && bad.outcome().is_err());
        let payload = catch_unwind(AssertUnwindSafe(|| *bad.get())).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&7_u32));
    });
}

#[test]
fn a_path_of_shared_links_costs_no_more_than_its_ends() {
    watched(|| {
        // Kept whole, the paths of these links would be 80 GB.
        let (promise, mut call) = AsyncValue::<u64>::promise();
        let mut links = Vec::new();
        for _ in 0..100_000 {
            let link = call.shared();
            call = next(&link);
            links.push(link);
        }
        drop(promise);
        let error = call.outcome().unwrap_err();
        let TaskError::Upstream(upstream) = &error else { panic!("{error}") };
        assert_eq!((error.path().count(), upstream.left_out()), (16, 100_001 - 16));
        let middle = links[50_000].outcome().unwrap_err();
        assert!(middle.to_string().contains(&format!(" <- ({} more) <- ", 50_001 - 16)), "{middle}");
    });
}

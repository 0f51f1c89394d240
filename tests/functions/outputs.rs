//! What a function returns, how its body makes it, and how it is shown to be compared.

use crate::dice::Draft;
use crate::types::Type;

pub(crate) struct Output {
    /// ` -> R`, or nothing.
    pub(crate) written: String,
    /// The last expression of the body, out of `trace`.
    pub(crate) made: String,
    /// A text of the result `r`.
    pub(crate) shown: String,
    pub(crate) failure: Option<Failure>,
    /// Whether it is `!`.
    pub(crate) never: bool,
}

/// The error of a function that can fail.
#[derive(Clone)]
pub(crate) struct Failure {
    /// As a call writes it.
    pub(crate) given: String,
    /// The errors of arguments that it can pass on.
    pub(crate) passes: &'static [Passed],
}

/// An error of an argument: its type, a value of it, and whether it can be cloned.
#[derive(Clone, Copy)]
pub(crate) struct Passed(pub(crate) &'static str, pub(crate) &'static str, pub(crate) bool);

const LOW: Passed = Passed("kit::Low", "kit::Low(5)", true);
const HIGH: Passed = Passed("kit::High", "kit::High(\"high\".to_owned())", true);
const TEXT: Passed = Passed("String", "\"text\".to_owned()", true);
const STR: Passed = Passed("&'static str", "\"str\"", true);
const IO: Passed = Passed("std::io::Error", "kit::io_error(7)", false);
const KIND: Passed = Passed("std::io::ErrorKind", "std::io::ErrorKind::NotFound", true);
const FMT: Passed = Passed("std::fmt::Error", "std::fmt::Error", true);

/// What a function is, as far as it limits the result.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Whether there is a `Self`.
    pub(crate) method: bool,
    /// Whether an argument is a borrow.
    pub(crate) borrows: bool,
    /// Whether an argument is an `impl Trait`, beside which a result cannot say what it captures.
    pub(crate) nameless: bool,
}

struct Plain(&'static str, String, String, String);

impl Output {
    pub(crate) fn any(draft: &mut Draft, place: Place) -> Self {
        if draft.dice.once_in(40) {
            draft.note("-> !");
            let made = "panic!(\"never {}\", trace.sum())".to_owned();
            return Self {
                written: " -> !".to_owned(),
                made,
                shown: "match r {}".to_owned(),
                failure: None,
                never: true,
            };
        }
        let Plain(form, ty, made, shown) = plain(draft, place);
        draft.note(form);
        if draft.dice.once_in(2) {
            return fallible(draft, &Plain(form, ty, made, shown));
        }
        let written = if ty.is_empty() { ty } else { format!(" -> {ty}") };
        Self { written, made, shown, failure: None, never: false }
    }
}

fn fallible(draft: &mut Draft, Plain(form, ty, made, shown): &Plain) -> Output {
    let ty = if ty.is_empty() { "()" } else { ty };
    let sum = "trace.sum()";
    let (written, given, error, passes): (_, _, _, &'static [Passed]) = match draft.dice.below(12) {
        0 => (format!("kit::own::Result<{ty}>"), "kit::High", format!("kit::High({sum}.to_string())"), &[LOW, HIGH]),
        1 => (format!("std::io::Result<{ty}>"), "std::io::Error", format!("kit::io_error({sum})"), &[IO, KIND]),
        2 => (format!("kit::defaulted::Result<{ty}>"), "kit::Low", format!("kit::Low({sum})"), &[LOW]),
        3 => {
            let written = format!("kit::defaulted::Result<{ty}, kit::High>");
            (written, "kit::High", format!("kit::High({sum}.to_string())"), &[LOW, HIGH])
        }
        4 => {
            (format!("Result<{ty}, kit::Boxed>"), "kit::Boxed", format!("{sum}.to_string().into()"), &[TEXT, STR, FMT])
        }
        5 => {
            let bounds = ["std::fmt::Debug", "From<kit::Low>", "Send", "'static"];
            let name = draft.generic(&bounds, "kit::High".to_owned());
            let error = format!("{name}::from(kit::Low({sum}))");
            (format!("Result<{ty}, {name}>"), "kit::High", error, &[LOW, HIGH])
        }
        6 if *form == "-> nothing" => {
            ("std::fmt::Result".to_owned(), "std::fmt::Error", "std::fmt::Error".to_owned(), &[FMT])
        }
        7 => (format!("Result<{ty}, String>"), "String", format!("{sum}.to_string()"), &[TEXT, STR]),
        8 => (format!("::core::result::Result<{ty}, kit::Low>"), "kit::Low", format!("kit::Low({sum})"), &[LOW]),
        9 => (format!("std::result::Result<{ty}, kit::Low>"), "kit::Low", format!("kit::Low({sum})"), &[LOW]),
        _ => (format!("Result<{ty}, kit::High>"), "kit::High", format!("kit::High({sum}.to_string())"), &[LOW, HIGH]),
    };
    draft.note("-> Result");
    Output {
        written: format!(" -> {written}"),
        made: format!("if trace.unlucky(4) {{ Err({error}) }} else {{ Ok({made}) }}"),
        shown: format!("match r {{ Ok(r) => format!(\"Ok({{}})\", {shown}), Err(e) => format!(\"Err({{e:?}})\") }}"),
        failure: Some(Failure { given: given.to_owned(), passes }),
        never: false,
    }
}

/// A result that is there.
fn plain(draft: &mut Draft, place: Place) -> Plain {
    let debug = "format!(\"{r:?}\")";
    let of = |form, ty: &str, made: &str, shown: &str| Plain(form, ty.to_owned(), made.to_owned(), shown.to_owned());
    let captures = captures(draft, place);
    let opaque_too = !place.nameless || (!place.method && !place.borrows);
    let opaque = |form, ty: &str, made: &str, shown: &str| of(form, &ty.replace('%', &captures), made, shown);
    let display = "r.to_string()";
    match draft.dice.below(26) {
        0..3 => of("-> nothing", "", "()", "{ let () = r; String::new() }"),
        3 => of("-> ()", "()", "()", "{ let () = r; String::new() }"),
        4 => of("-> String", "String", "format!(\"{:x}\", trace.sum())", debug),
        5 => of("-> Option", "Option<u64>", "Some(trace.sum())", debug),
        6 => of("-> tuple", "(u64, String)", "(trace.sum(), trace.sum().to_string())", debug),
        7 => of("-> array", "[u64; 2]", "[trace.sum(); 2]", debug),
        8 => of("-> &'static str", "&'static str", "if trace.unlucky(2) { \"a\" } else { \"b\" }", debug),
        9 => of("-> projection", "<Vec<u64> as IntoIterator>::Item", "trace.sum()", debug),
        10 => of("-> fn", "fn(u64) -> u64", "u64::swap_bytes", "r(3).to_string()"),
        11 => of("-> for<> fn", "for<'x> fn(&'x str) -> &'x str", "str::trim", "r(\" x \").to_owned()"),
        12 => {
            let made = "{ let sum = trace.sum(); Box::new(move |n| n ^ sum) }";
            of("-> Box<dyn Fn>", "Box<dyn Fn(u64) -> u64 + Send>", made, "r(3).to_string()")
        }
        13 => of("-> LoadResult", "kit::LoadResult<u64>", "Err(kit::Low(trace.sum()))", debug),
        14 => of("-> AsyncValue", "asynctools::AsyncValue<u64>", "kit::spawned(trace.sum())", "r.get().to_string()"),
        15 | 16 => {
            let Type::Param(name, _) = Type::generic(draft) else { unreachable!("it is one") };
            of("-> T", &format!("Option<{name}>"), &format!("Some({name}::default())"), debug)
        }
        17 if place.method => of("-> Self", "Self", "Self::fresh(trace.sum())", "r.depth.to_string()"),
        18 if place.method => {
            of("-> Option<Box<Self>>", "Option<Box<Self>>", "Some(Box::new(Self::fresh(1)))", "r.is_some().to_string()")
        }
        19 if opaque_too => opaque("-> impl Display", "impl std::fmt::Display%", "trace.sum()", display),
        20 if opaque_too => {
            let made = "vec![trace.sum(), 1].into_iter()";
            opaque("-> impl Iterator", "impl Iterator<Item = u64>%", made, "format!(\"{:?}\", r.collect::<Vec<_>>())")
        }
        21 if opaque_too => {
            let made = "{ let sum = trace.sum(); move |n| n ^ sum }";
            opaque("-> impl Fn", "impl Fn(u64) -> u64%", made, "r(3).to_string()")
        }
        22 if opaque_too => opaque(
            "-> (impl, Vec<impl>)",
            "(impl std::fmt::Display%, Vec<impl Fn(&str) -> usize%>)",
            "(trace.sum(), vec![str::len])",
            "format!(\"{} {}\", r.0, r.1[0](\"four\"))",
        ),
        23 if opaque_too && (!captures.is_empty() || !place.borrows) => {
            opaque("-> &'static impl", "&'static (impl std::fmt::Display + Sync%)", "&7_u8", display)
        }
        24 if opaque_too && !place.borrows => {
            of("-> &'static impl without parentheses", "&'static impl std::fmt::Display", "&7_u8", display)
        }
        _ => of("-> u64", "u64", "trace.sum()", debug),
    }
}

/// ` + use<T>`, or nothing where the expansion knows it as well.
fn captures(draft: &mut Draft, place: Place) -> String {
    if place.nameless || (!place.method && draft.dice.once_in(2)) {
        return String::new();
    }
    // The generics are not known before the whole function is.
    " + use<@GENERICS>".to_owned()
}

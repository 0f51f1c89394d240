//! Uses of the attributes for the tests: those in the files of `tests/`, and some with many rare parts at once.

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::Meta;

use crate::options::AttributeMacro;

/// A use of an attribute.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) attribute: AttributeMacro,
    pub(crate) options: TokenStream,
    pub(crate) item: TokenStream,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.attribute == AttributeMacro::Parallel { "parallel" } else { "pooled" };
        let mut text = format!("#[{word}(");
        spell(self.options.clone(), Some(['⟦', '⟧']), &mut text);
        text.push_str(")] ");
        spell(self.item.clone(), Some(['⟦', '⟧']), &mut text);
        f.write_str(&text)
    }
}

/// Returns every use of the attributes in the files of a folder and its subfolders.
fn uses_in(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut uses = Vec::new();
    for path in paths {
        if path.is_dir() {
            uses.extend(uses_in(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            find(&TokenStream::from_str(&text).unwrap_or_default(), &mut uses);
        }
    }
    uses
}

/// Adds each item under one of the attributes, up to its braces or its semicolon.
fn find(tokens: &TokenStream, uses: &mut Vec<Case>) {
    let tokens: Vec<_> = tokens.clone().into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        find(&group.stream(), uses);
        let Ok(meta) = syn::parse2::<Meta>(group.stream()) else { continue };
        let attribute = match meta.path().segments.last().map(|last| last.ident.to_string()).as_deref() {
            Some("parallel") => AttributeMacro::Parallel,
            Some("pooled") => AttributeMacro::Pooled,
            _ => continue,
        };
        let options = meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
        let mut item = TokenStream::new();
        for token in &tokens[index + 1..] {
            item.extend([token.clone()]);
            let ends = match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(punct) => punct.as_char() == ';',
                _ => false,
            };
            if ends {
                break;
            }
        }
        uses.push(Case { attribute, options, item });
    }
}

pub(crate) fn tests_folder(name: &str) -> Vec<Case> {
    uses_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name))
}

/// Returns the functions of the tests, those that the tests refuse, and some with many rare parts at once.
pub(crate) fn corpus() -> Vec<Case> {
    let mut uses = tests_folder("it");
    uses.extend(tests_folder("ui"));
    let tokens = |text| TokenStream::from_str(text).unwrap_or_default();
    for attribute in [AttributeMacro::Parallel, AttributeMacro::Pooled] {
        uses.extend(ITEMS.map(|item| Case { attribute, options: tokens(OPTIONS), item: tokens(item) }));
    }
    uses
}

const ITEMS: [&str; 6] = [
    "#[doc = \"x\"] #[expect(dead_code, reason = \"x\")] pub fn f<'a, T: Fn(&str) -> u8, const N: usize>(a: &'a str, \
     #[cfg(x)] (b, mut c): (T, [u8; N])) -> io::Result<impl Iterator<Item = &'a T> + use<>> where for<'b> T: X<'b> { a }",
    "async unsafe extern \"C\" fn f(self: &mut Rc<Self>, x: &mut dyn A, ...) -> ! { Self::x() }",
    "const fn main(&'a self, _: fn(&u8) -> &u8, r#in: &(dyn A + B), f: impl for<'c> Fn(&'c u8)) -> (Result<A, impl E>) {}",
    "default unsafe impl<T> !A for B<T> { fn f() {} }",
    "fn f(a: <A as B>::C, b: *const &u8, c: &'static str, d: [&u8; 3]) -> Cow<'_, str>;",
    "macro_rules! f { ($a:tt) => { fn $a() {} } }",
];

const OPTIONS: &str = "workers = 5 , queue = if A < B { 1 } else { -1 } , on_full = \"block\" , pool = self . pool , \
    sync = f , crate = :: a :: b , 5 = \"x\" , worker ( 1 ) , r#fn = .. , _ = = , , 'a";

/// Returns the tokens as text with a blank after each token, without invisible groups.
pub(crate) fn spelled(tokens: TokenStream) -> String {
    let mut text = String::new();
    spell(tokens, None, &mut text);
    text
}

/// Appends the tokens to `text`; `invisible` is written for the ends of an invisible group.
fn spell(tokens: TokenStream, invisible: Option<[char; 2]>, text: &mut String) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            text.push_str(&token.to_string());
            text.push(' ');
            continue;
        };
        let ends = match group.delimiter() {
            Delimiter::Parenthesis => Some(['(', ')']),
            Delimiter::Brace => Some(['{', '}']),
            Delimiter::Bracket => Some(['[', ']']),
            Delimiter::None => invisible,
        };
        text.extend(ends.iter().flat_map(|[open, _]| [*open, ' ']));
        spell(group.stream(), invisible, text);
        text.extend(ends.iter().flat_map(|[_, close]| [*close, ' ']));
    }
}

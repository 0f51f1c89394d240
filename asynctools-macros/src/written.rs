//! Tokens as text, with the blanks of rustfmt.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Returns the tokens as a program has them.
pub(crate) fn as_written(tokens: &impl ToTokens) -> String {
    let mut text = Text::default();
    text.tokens(tokens.to_token_stream());
    text.no_comma();
    text.written
}

/// The token before the next one, as far as a blank depends on it.
#[derive(Clone, Copy, Default, PartialEq)]
enum Before {
    /// The start, and all that wants no blank behind it.
    #[default]
    Tight,
    /// A word, a literal, or the end of a group.
    Word,
    /// A word that is no name: `fn`, `impl`, `dyn`.
    Keyword,
    /// The `>` at the end of generics.
    Generics,
    /// A sign with a blank behind it.
    Loose,
}

#[derive(Default)]
struct Text {
    written: String,
    before: Before,
    /// The signs that are one sign with the next.
    joint: String,
}

const KEYWORDS: [&str; 9] = ["as", "const", "dyn", "fn", "impl", "in", "mut", "ref", "where"];

impl Text {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.group(group.delimiter(), group.stream()),
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    self.add(&word, self.before != Before::Tight);
                    let is_keyword = KEYWORDS.contains(&word.as_str());
                    self.before = if is_keyword { Before::Keyword } else { Before::Word };
                }
                TokenTree::Literal(literal) => {
                    self.add(&literal.to_string(), self.before != Before::Tight);
                    self.before = Before::Word;
                }
                TokenTree::Punct(sign) => {
                    self.joint.push(sign.as_char());
                    let goes_on = matches!(tokens.peek(), Some(TokenTree::Punct(next))
                        if is_one(&self.joint, next.as_char()) && sign.spacing() == Spacing::Joint);
                    if !goes_on {
                        let sign = std::mem::take(&mut self.joint);
                        self.sign(&sign);
                    }
                }
            }
        }
    }

    fn group(&mut self, delimiter: Delimiter, inside: TokenStream) {
        let (open, close) = match delimiter {
            Delimiter::None => return self.tokens(inside),
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace if inside.is_empty() => ("{", "}"),
            Delimiter::Brace => ("{ ", " }"),
        };
        let is_call = delimiter != Delimiter::Brace
            && (matches!(self.before, Before::Word | Before::Generics) || self.written.ends_with("fn"));
        self.add(open, self.before != Before::Tight && !is_call);
        self.before = Before::Tight;
        self.tokens(inside);
        if is_call {
            self.no_comma();
        }
        self.add(close, false);
        self.before = Before::Word;
    }

    fn sign(&mut self, sign: &str) {
        let (blank, before) = match sign {
            "," | ":" | ";" => (false, Before::Loose),
            "->" | "=" | "+" | "=>" | "==" | "-" | "|" => (true, Before::Loose),
            "::" | "." | ".." | "<" | "?" | "!" => (false, Before::Tight),
            ">" => (false, Before::Generics),
            // `&`, `*`, `'`, `#`
            _ => (true, Before::Tight),
        };
        // `-> ::std::io::Result`, `T: ?Sized`, `-> !`, `<'a>`
        let opens =
            matches!(sign, "::" | "<" | "?" | "!" | "..") && matches!(self.before, Before::Loose | Before::Keyword);
        self.add(
            sign,
            (blank || opens) && self.before != Before::Tight && !(sign == "<" && self.before == Before::Keyword),
        );
        self.before = before;
    }

    /// Takes the comma away that rustfmt writes only where each argument has a line.
    fn no_comma(&mut self) {
        if self.written.ends_with(',') {
            self.written.pop();
        }
    }

    fn add(&mut self, text: &str, blank: bool) {
        if blank {
            self.written.push(' ');
        }
        self.written.push_str(text);
    }
}

/// Returns whether the signs and the next one are one sign.
fn is_one(signs: &str, next: char) -> bool {
    matches!((signs, next), (":", ':') | ("-", '>') | ("=", '>' | '=') | (".", '.'))
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use crate::written::as_written;

    #[test]
    fn signatures_are_written_as_rustfmt_writes_them() {
        for text in [
            "fn line_count(path: &Path) -> io::Result<usize>",
            "fn f()",
            "fn f(&self)",
            "fn f(&'a self, mut n: u8) -> Self",
            "fn f(self: Arc<Self>, by: [u8; 4], list: &[u8]) -> !",
            "fn f<'a, T: Ord + ?Sized, const N: usize>(a: &'a T) -> Box<dyn Error + Send>",
            "fn f<F>(f: F, (a, b): (u8, u8)) -> impl Iterator<Item = char> + 'static where F: Fn(&str) -> usize + Send",
            "fn f(f: fn(u8) -> u8, g: impl for<'a> Fn(&'a str) -> ::std::io::Result<&'a str>) -> Vec<Vec<u8>>",
            "fn f(a: <T as Trait>::Item, p: *const u8, m: &mut u8) -> [u8; { N + 1 }]",
            "dyn Fn(u8) -> u8 + Send",
            "tokio::test",
            "self: Pin<&mut Self>",
            "&mut self",
        ] {
            let tokens: TokenStream = text.parse().expect("it is Rust");
            assert_eq!(as_written(&tokens), text);
        }
    }
}

//! The search for signs that a function without a receiver is in an `impl` block: the word `Self`, or a generic that the
//! function does not declare.
//!
//! Tokens do not show the meaning of a macro call, so the search guesses there: `Self` counts if `::`, `(` or `{` follows,
//! as in an expression. A function that the guess is wrong about says `where Self: Sized` to be taken for a method, or moves
//! the macro call to another function to be taken for a free function.
//!
//! A word is looked up as text that is made once: each `word == "Self"` would make the text anew.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Signature;

/// Names of generics that no type has: a signature with one of these and without its declaration has that from an `impl`.
const USUAL_GENERICS: [&str; 4] = ["T", "U", "K", "V"];

/// Words before a `!` or a `{` that no macro has as its name.
const KEYWORDS: [&str; 8] = ["if", "while", "match", "return", "in", "else", "break", "move"];

/// Returns whether the tokens show that the function is in an `impl` block.
pub(crate) fn shows_impl(sig: &Signature, body: &TokenStream) -> bool {
    sig.receiver().is_some() || signature_shows_impl(sig) || Search { place: Place::Code }.finds_self(body.clone())
}

fn signature_shows_impl(sig: &Signature) -> bool {
    let types = sig.generics.type_params().map(|param| &param.ident);
    let declared: Vec<_> = types.chain(sig.generics.const_params().map(|param| &param.ident)).collect();
    uses_a_name_of_an_impl(sig.to_token_stream(), &declared)
}

fn uses_a_name_of_an_impl(tokens: TokenStream, declared: &[&Ident]) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let is = |index: Option<usize>, sign| matches!(index.and_then(|index| tokens.get(index)), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    tokens.iter().enumerate().any(|(index, token)| match token {
        TokenTree::Ident(word) => {
            let text = word.to_string();
            let before = index.checked_sub(1);
            let in_path = is(before, ':') && is(index.checked_sub(2), ':');
            // Neither `U::T`, nor `Iterator<T = u8>`, nor `T![u8]`, nor `'T`.
            let is_name_of_other = is(Some(index + 1), '=') || is(Some(index + 1), '!') || is(before, '\'');
            let is_a_type = !in_path && !is_name_of_other;
            text == "Self" || is_a_type && USUAL_GENERICS.contains(&text.as_str()) && !declared.contains(&word)
        }
        TokenTree::Group(group) => uses_a_name_of_an_impl(group.stream(), declared),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The meaning of the tokens that the search is in.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Code,
    /// The tokens of a macro call.
    Macro,
}

/// The token before the current one.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// A word that can be the name of a macro.
    Word,
    /// `name !`, or `macro_rules ! name`.
    MacroName,
    /// The first half of `->` or `=>`.
    HalfArrow,
    Other,
}

struct Search {
    place: Place,
}

impl Search {
    /// Returns whether the tokens contain the `Self` of the function. An item in the body has a `Self` of its own.
    fn finds_self(&self, tokens: TokenStream) -> bool {
        let mut before = Before::Other;
        // How many `<` are open in the head of an item. The braces of a constant stand between them: `A<{ N + 1 }>`.
        let mut item: Option<usize> = None;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            let next = tokens.peek();
            match (&token, &mut item) {
                (TokenTree::Punct(punct), Some(open)) => match punct.as_char() {
                    '<' => *open += 1,
                    '>' if before != Before::HalfArrow => *open = open.saturating_sub(1),
                    ';' => item = None,
                    _ => {}
                },
                (TokenTree::Group(group), Some(0)) if group.delimiter() == Delimiter::Brace => item = None,
                (TokenTree::Ident(word), None) => match word.to_string().as_str() {
                    "impl" | "trait" | "struct" | "enum" => item = Some(0),
                    "fn" | "union" if matches!(next, Some(TokenTree::Ident(_))) => item = Some(0),
                    "Self" if self.is_own(next) => return true,
                    _ => {}
                },
                (TokenTree::Group(group), None) => {
                    let place = if before == Before::MacroName { Place::Macro } else { self.place };
                    if (Search { place }).finds_self(group.stream()) {
                        return true;
                    }
                }
                _ => {}
            }
            before = after(before, &token);
        }
        false
    }

    /// Returns whether a `Self` before `next` is the function's own.
    fn is_own(&self, next: Option<&TokenTree>) -> bool {
        let in_expression = match next {
            Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
            Some(TokenTree::Group(group)) => group.delimiter() != Delimiter::Bracket,
            _ => false,
        };
        self.place == Place::Code || in_expression
    }
}

fn after(before: Before, token: &TokenTree) -> Before {
    match token {
        TokenTree::Ident(_) if before == Before::MacroName => Before::MacroName,
        TokenTree::Ident(word) if KEYWORDS.contains(&word.to_string().as_str()) => Before::Other,
        TokenTree::Ident(_) => Before::Word,
        TokenTree::Punct(punct) => match punct.as_char() {
            '!' if before == Before::Word => Before::MacroName,
            '-' | '=' => Before::HalfArrow,
            _ => Before::Other,
        },
        TokenTree::Group(_) | TokenTree::Literal(_) => Before::Other,
    }
}

//! Which attributes of the function stay on the rewritten function, and which go with the body.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::token::Paren;
use syn::{AttrStyle, Attribute, Ident, MacroDelimiter, Meta, MetaList, Token};

use crate::conditional::applied;
use crate::conditional::with_applied;
use crate::item::AnnotatedFunction;

/// Lints about an item as its users see it. Users see the rewritten function, so these lints belong there.
const LINTS_OF_THE_ITEM: [&str; 3] = ["dead_code", "missing_docs", "unreachable_pub"];

/// The place of the function with the user's body.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum BodyPlace {
    /// Inside of the rewritten function, whose lint levels apply to the body.
    Inside,
    /// Beside the rewritten function, under a name of the macro's.
    Hidden,
    /// Beside the rewritten function, under the name that `sync` gives.
    Kept,
}

/// Returns the attributes of the rewritten function.
pub(crate) fn of_the_call(function: &AnnotatedFunction, body_place: BodyPlace) -> Vec<Attribute> {
    // `inline` goes with the body too, and clippy has a lint that asks for it.
    let stays = function.attrs.iter();
    let stays = stays.filter(|attr| is_doc(attr) || is_of_both(attr) || is_level(attr) || names(attr, &["inline"]));
    let half = if body_place == BodyPlace::Inside { Half::Both } else { Half::Call };
    stays.flat_map(|attr| halved(attr, half)).collect()
}

/// Returns the attributes of the function with the body.
pub(crate) fn of_the_body(function: &AnnotatedFunction, body_place: BodyPlace) -> Vec<Attribute> {
    let goes = function.attrs.iter().filter(|attr| match body_place {
        BodyPlace::Inside => !is_doc(attr) && !is_of_both(attr) && !is_level(attr),
        BodyPlace::Hidden => !is_doc(attr) && !names(attr, &["deprecated"]),
        BodyPlace::Kept => true,
    });
    let goes = goes.filter(|attr| !exports(attr) && !makes_a_test(attr)).flat_map(|attr| halved(attr, Half::Body));
    goes.map(|attr| with_span_name(&attr, &function.sig.ident).unwrap_or(attr)).collect()
}

/// Returns a `#[tracing::instrument]` with the name of the annotated function, unless the attribute has a name. The span
/// would be named like the function with the body, which the macro made up.
fn with_span_name(attr: &Attribute, function: &Ident) -> Option<Attribute> {
    let meta = applied(attr).into_owned();
    let path = meta.path();
    let first = path.segments.first()?;
    if !path.is_ident("instrument") && (first.ident != "tracing" || path.segments.last()?.ident != "instrument") {
        return None;
    }
    let tokens = match &meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let mut given = tokens.clone().into_iter().peekable();
    let has_literal = matches!(given.peek(), Some(TokenTree::Literal(_)));
    if has_literal || given.any(|token| matches!(token, TokenTree::Ident(word) if word == "name")) {
        return None;
    }
    let name = function.unraw().to_string();
    let span = function.span();
    let tokens = quote_spanned!(span=> name = #name, #tokens);
    let delimiter = MacroDelimiter::Paren(Paren(span));
    Some(with_applied(attr, Meta::List(MetaList { path: path.clone(), delimiter, tokens })))
}

/// Returns the attributes of a function that only calls the body.
pub(crate) fn of_the_name(function: &AnnotatedFunction) -> Vec<Attribute> {
    let goes = of_the_body(function, BodyPlace::Kept).into_iter();
    goes.filter(|attr| is_doc(attr) || is_of_both(attr) || names(attr, &["allow", "must_use"])).collect()
}

/// Returns the attributes that stand before the function, and its braces with the inner attributes inside.
pub(crate) fn in_their_places(attrs: &[Attribute], body: &Group) -> (Vec<Attribute>, Group) {
    let is_outer = |attr: &&Attribute| matches!(attr.style, AttrStyle::Outer);
    let (outer, inner): (Vec<_>, Vec<_>) = attrs.iter().partition(is_outer);
    let outer = outer.into_iter().cloned().collect();
    if inner.is_empty() {
        return (outer, body.clone());
    }
    let mut tokens: TokenStream = inner.iter().map(ToTokens::to_token_stream).collect();
    tokens.extend(body.stream());
    let mut with_inner = Group::new(Delimiter::Brace, tokens);
    with_inner.set_span(body.span());
    (outer, with_inner)
}

/// Returns whether the attribute exports a symbol to other languages.
pub(crate) fn exports(attr: &Attribute) -> bool {
    let word = match applied(attr).as_ref() {
        Meta::List(list) if list.path.is_ident("unsafe") => {
            list.tokens.clone().into_iter().next().map(|t| t.to_string())
        }
        meta => meta.path().get_ident().map(Ident::to_string),
    };
    matches!(word.as_deref(), Some("no_mangle" | "export_name"))
}

/// Returns whether the attribute makes a test of the function, in a crate for tests that the name shows.
pub(crate) fn makes_a_test(attr: &Attribute) -> bool {
    let tests = ["bench", "quickcheck", "rstest", "test", "test_case", "wasm_bindgen_test"];
    applied(attr).path().segments.last().is_some_and(|last| tests.iter().any(|name| last.ident == name))
}

pub(crate) fn is_deprecated(function: &AnnotatedFunction) -> bool {
    function.attrs.iter().any(|attr| names(attr, &["deprecated"]))
}

pub(crate) fn is_doc(attr: &Attribute) -> bool {
    names(attr, &["doc"])
}

fn is_of_both(attr: &Attribute) -> bool {
    names(attr, &["cfg", "deprecated"])
}

fn is_level(attr: &Attribute) -> bool {
    names(attr, &["allow", "warn", "deny", "forbid", "expect"])
}

/// Returns whether the attribute, or the attribute in its `cfg_attr`, has one of the names.
fn names(attr: &Attribute, names: &[&str]) -> bool {
    applied(attr).path().get_ident().is_some_and(|found| names.iter().any(|name| found == name))
}

/// The function of an expansion that carries an attribute.
#[derive(Clone, Copy, PartialEq)]
enum Half {
    Call,
    Body,
    /// The call, with the body inside.
    Both,
}

/// Returns the attribute for one half. An `expect` on two functions would be unfulfilled on one of them: each lint
/// stays expected on the half that it is about, and is allowed on the other. clippy does not look at a signature of the
/// macro's, so its lints are allowed on both.
fn halved(attr: &Attribute, half: Half) -> Vec<Attribute> {
    let named = lints(attr).filter(|_| names(attr, &["expect"]));
    let Some(named) = named else { return vec![attr.clone()] };
    let (reason, named): (Vec<_>, Vec<_>) = named.into_iter().partition(|meta| meta.path().is_ident("reason"));
    let (here, there): (Vec<_>, Vec<_>) = named.into_iter().partition(|lint| {
        let name = spelled(lint);
        let of_the_item = LINTS_OF_THE_ITEM.contains(&name.as_str());
        !name.starts_with("clippy::") && (half == Half::Both || of_the_item == (half == Half::Call))
    });
    let level = |name: &str, lints: Vec<Meta>| {
        let Meta::List(list) = applied(attr).into_owned() else { return None };
        let path = Ident::new(name, list.path.get_ident()?.span()).into();
        let tokens = lints.iter().chain(&reason).cloned().collect::<Punctuated<_, Token![,]>>().into_token_stream();
        let meta = Meta::List(MetaList { path, tokens, ..list });
        (!lints.is_empty()).then(|| with_applied(attr, meta))
    };
    level("expect", here).into_iter().chain(level("allow", there)).collect()
}

/// Returns the lints in the parentheses of a lint level.
fn lints(attr: &Attribute) -> Option<Vec<Meta>> {
    let Meta::List(list) = applied(attr).into_owned() else { return None };
    let named = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens);
    named.ok().map(|named| named.into_iter().collect())
}

fn spelled(lint: &Meta) -> String {
    let path: TokenStream = lint.path().to_token_stream();
    path.to_string().replace(' ', "")
}

//! Which attributes of the function stay on the rewritten one, and which go with its body.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Meta, MetaList, Token};

use crate::model::Function;

/// Lints of an item as its users see it; the rewritten function stands for the original there, so they are its own.
const LINTS_OF_THE_ITEM: [&str; 3] = ["dead_code", "missing_docs", "unreachable_pub"];

/// Where the body went.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Home {
    /// Into the rewritten function, whose lint levels hold for it.
    Inside,
    /// Beside it, under a name of ours.
    Hidden,
    /// Beside it, under the name that `sync` gives.
    Kept,
}

/// What the rewritten function carries.
pub(crate) fn of_the_call(function: &Function, home: Home) -> Vec<Attribute> {
    let stays = function.attrs.iter().filter(|attr| is_doc(attr) || is_of_both(attr) || is_level(attr));
    let half = if home == Home::Inside { None } else { Some(true) };
    stays.flat_map(|attr| halved(attr, half)).collect()
}

/// What the function that has the body carries.
pub(crate) fn of_the_body(function: &Function, home: Home) -> Vec<Attribute> {
    let goes = function.attrs.iter().filter(|attr| match home {
        Home::Inside => !is_doc(attr) && !is_of_both(attr) && !is_level(attr),
        Home::Hidden => !is_doc(attr) && !attr.path().is_ident("deprecated"),
        Home::Kept => true,
    });
    goes.filter(|attr| !exports(attr)).flat_map(|attr| halved(attr, Some(false))).collect()
}

/// Whether the function's own attributes set the level of this lint.
pub(crate) fn sets_level(function: &Function, lint: &str) -> bool {
    let levels = function.attrs.iter().filter(|attr| is_level(attr));
    levels.filter_map(lints).flatten().any(|named| spelled(&named) == lint)
}

/// Whether the attribute makes a symbol that other languages link to.
pub(crate) fn exports(attr: &Attribute) -> bool {
    let word = match &attr.meta {
        Meta::List(list) if list.path.is_ident("unsafe") => {
            list.tokens.clone().into_iter().next().map(|t| t.to_string())
        }
        meta => meta.path().get_ident().map(Ident::to_string),
    };
    matches!(word.as_deref(), Some("no_mangle" | "export_name"))
}

pub(crate) fn is_deprecated(function: &Function) -> bool {
    function.attrs.iter().any(|attr| attr.path().is_ident("deprecated"))
}

fn is_doc(attr: &Attribute) -> bool {
    attr.path().is_ident("doc")
}

fn is_of_both(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg") || attr.path().is_ident("deprecated")
}

fn is_level(attr: &Attribute) -> bool {
    ["allow", "warn", "deny", "forbid", "expect"].iter().any(|level| attr.path().is_ident(level))
}

/// An `expect` on two functions would be unfulfilled on one of them: each lint stays expected on the half where it fires, and
/// is allowed on the other. `half` says which half this is: `true` for the rewritten function, `None` for both in one.
fn halved(attr: &Attribute, half: Option<bool>) -> Vec<Attribute> {
    let (Some(of_the_call), Some(named)) = (half, lints(attr).filter(|_| attr.path().is_ident("expect"))) else {
        return vec![attr.clone()];
    };
    let (reason, named): (Vec<_>, Vec<_>) = named.into_iter().partition(|meta| meta.path().is_ident("reason"));
    let (here, there): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|lint| LINTS_OF_THE_ITEM.contains(&spelled(lint).as_str()) == of_the_call);
    let level = |name: &str, lints: Vec<Meta>| {
        let Meta::List(list) = &attr.meta else { return None };
        let path = Ident::new(name, attr.path().get_ident()?.span()).into();
        let tokens = lints.iter().chain(&reason).cloned().collect::<Punctuated<_, Token![,]>>().into_token_stream();
        let meta = Meta::List(MetaList { path, tokens, ..list.clone() });
        (!lints.is_empty()).then(|| Attribute { meta, ..attr.clone() })
    };
    level("expect", here).into_iter().chain(level("allow", there)).collect()
}

/// What stands in the parentheses of a lint level.
fn lints(attr: &Attribute) -> Option<Vec<Meta>> {
    let Meta::List(list) = &attr.meta else { return None };
    let named = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(list.tokens.clone());
    named.ok().map(|named| named.into_iter().collect())
}

fn spelled(lint: &Meta) -> String {
    let path: TokenStream = lint.path().to_token_stream();
    path.to_string().replace(' ', "")
}

//! Attributes under a condition: `cfg(p)`, and the attributes in a `cfg_attr(p, ..)`.

use std::borrow::Cow;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, Meta, MetaList};

/// Splits each `cfg_attr(p, a, b)` into `cfg_attr(p, a)` and `cfg_attr(p, b)`, nested ones too.
pub(crate) fn one_by_one(attrs: Vec<Attribute>) -> Vec<Attribute> {
    if !attrs.iter().any(is_conditional) {
        return attrs;
    }
    attrs.into_iter().flat_map(split).collect()
}

/// Returns the attribute, or the attribute in its `cfg_attr`.
pub(crate) fn applied(attr: &Attribute) -> Cow<'_, Meta> {
    let (_, attributes) = parts(attr).unwrap_or_default();
    let meta = attributes.into_iter().next().and_then(|tokens| syn::parse2(tokens).ok());
    meta.map_or(Cow::Borrowed(&attr.meta), Cow::Owned)
}

/// Returns the attribute with another one applied, under the same condition.
pub(crate) fn with_applied(attr: &Attribute, meta: Meta) -> Attribute {
    match parts(attr) {
        Some((condition, _)) => with_tokens(attr, quote!(#condition, #meta)),
        None => Attribute { meta, ..attr.clone() },
    }
}

/// Returns the condition that the attribute puts on the existence of its owner.
pub(crate) fn existence(attr: &Attribute) -> Option<TokenStream> {
    let applied = applied(attr);
    let Meta::List(cfg) = applied.as_ref() else { return None };
    if !cfg.path.is_ident("cfg") {
        return None;
    }
    let holds = &cfg.tokens;
    Some(match parts(attr) {
        Some((condition, _)) => quote!(any(not(#condition), #holds)),
        None => holds.clone(),
    })
}

fn is_conditional(attr: &Attribute) -> bool {
    attr.path().is_ident("cfg_attr")
}

fn split(attr: Attribute) -> Vec<Attribute> {
    let Some((condition, attributes)) = parts(&attr) else { return vec![attr] };
    let each = attributes.into_iter().flat_map(|tokens| {
        let inner = syn::parse2(tokens.clone()).map(|meta| Attribute { meta, ..attr.clone() });
        match inner.as_ref().ok().and_then(parts) {
            Some((and, nested)) => {
                let nested = nested.into_iter().map(|tokens| quote!(all(#condition, #and), #tokens));
                nested.flat_map(|tokens| split(with_tokens(&attr, tokens))).collect()
            }
            None => vec![with_tokens(&attr, quote!(#condition, #tokens))],
        }
    });
    each.collect()
}

/// Returns the condition of a `cfg_attr`, and its attributes.
fn parts(attr: &Attribute) -> Option<(TokenStream, Vec<TokenStream>)> {
    let Meta::List(list) = &attr.meta else { return None };
    if !is_conditional(attr) {
        return None;
    }
    let tokens: Vec<_> = list.tokens.clone().into_iter().collect();
    let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    let mut parts = tokens.split(is_comma).map(|part| part.iter().cloned().collect::<TokenStream>());
    let condition = parts.next()?;
    Some((condition, parts.filter(|part| !part.is_empty()).collect()))
}

fn with_tokens(attr: &Attribute, tokens: TokenStream) -> Attribute {
    match &attr.meta {
        Meta::List(list) => Attribute { meta: Meta::List(MetaList { tokens, ..list.clone() }), ..attr.clone() },
        _ => attr.clone(),
    }
}

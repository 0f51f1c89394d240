//! The answer of the attribute: the expansion, or an error beside the function that callers expect, so that one mistake
//! gives one error.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Error, parse_quote};

use crate::expand::expand;
use crate::halves::halves;
use crate::item::AnnotatedFunction;
use crate::item::AnnotatedItem;
use crate::item::Passing;
use crate::item::says_impl;
use crate::kept_attributes::in_their_places;
use crate::options::Options;
use crate::plan::Plan;
use crate::valid::Verdict;
use crate::valid_types::refuses;

pub(crate) fn answer(options: Options, item: AnnotatedItem, verdict: Verdict) -> TokenStream {
    let Verdict { in_options, in_item } = verdict;
    let mut tokens: TokenStream = [&in_options, &in_item].into_iter().flatten().flat_map(compile_error).collect();
    match item {
        AnnotatedItem::Other(other) => tokens.extend(other.tokens),
        AnnotatedItem::Function(function) => {
            if let Some(halves) = halves(&function, &options) {
                return halves;
            }
            let options = if in_options.is_some() { options.beside_error(&function.sig.ident) } else { options };
            tokens.extend(match in_item {
                None => expand(&function, &options),
                Some(_) => refused(*function, &options),
            });
        }
    }
    tokens
}

/// Writes `::std::compile_error!(..)` at the span of the error: in a crate of edition 2015 there is no `::core`.
fn compile_error(error: &Error) -> impl Iterator<Item = TokenTree> {
    error.to_compile_error().into_iter().map(|token| match token {
        TokenTree::Ident(word) if word == "core" => Ident::new("std", word.span()).into(),
        token => token,
    })
}

/// ```text
/// #[pooled]                               fn push(list: &mut Vec<u8>) -> AsyncValue<usize> {
/// fn push(list: &mut Vec<u8>) -> usize {      fn __asynctools_push(list: &mut Vec<u8>) -> usize { .. }
///     ..                            =>        unreachable!()
/// }                                       }
/// ```
///
/// Callers see the function that they would see without the mistake, and the imports of the body stay used.
fn refused(mut function: AnnotatedFunction, options: &Options) -> TokenStream {
    if function.is_main() {
        let AnnotatedFunction { attrs, vis, sig, body, .. } = function;
        let (attrs, body) = in_their_places(&attrs, &body);
        return quote!(#(#attrs)* #vis #sig #body);
    }
    if function.sig.variadic.take().is_some() {
        // rustc would refuse the variadic parameter once more, and without it the body.
        function.body = Group::new(function.body.delimiter(), quote!(::core::unreachable!()));
        let reason = "the body is left out";
        function.attrs.push(parse_quote!(#[allow(unused_variables, reason = #reason)]));
    }
    let plan = Plan { refused: true, ..Plan::new(&function, options) };
    let body_call = match function.output().filter(|ty| says_impl(ty)) {
        None => quote!(::core::unreachable!()),
        Some(_) => opaque(&plan, &function),
    };
    plan.assemble(&body_call)
}

/// Writes a call of the body that never happens: only the body determines the type behind an `impl Trait`.
fn opaque(plan: &Plan<'_>, function: &AnnotatedFunction) -> TokenStream {
    let nothing = || quote!(::core::option::Option::unwrap(::core::option::Option::None));
    let receiver = function.receiver().map(|_| nothing());
    let inputs = function.params.iter().zip(&plan.names).map(|(param, name)| match param.passing {
        Passing::Plain if !refuses(param) => quote!(#name),
        _ => nothing(),
    });
    let inputs = receiver.into_iter().chain(inputs);
    let (runtime, body) = (plan.runtime(plan.name_span), plan.body_path());
    quote_spanned!(plan.name_span=> #runtime::AsyncValue::ready(#body(#(#inputs),*)))
}

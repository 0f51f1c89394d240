//! The answer of the attribute: the expansion, or an error beside the function that callers expect, so that one mistake
//! gives one error.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Error, FnArg, ReturnType, parse_quote};

use crate::expand::expand;
use crate::halves::halves;
use crate::item::AnnotatedFunction;
use crate::item::AnnotatedItem;
use crate::item::Param;
use crate::item::Passing;
use crate::item::says_impl;
use crate::kept_attributes::in_their_places;
use crate::options::Options;
use crate::plan::Plan;
use crate::unsized_type::unsized_type;
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
    // rustc would refuse the variadic parameter once more, and without it the body; so too a result without a size.
    if function.sig.variadic.take().is_some() | give_sizes(&mut function) {
        function.body = Group::new(function.body.delimiter(), quote!(::core::unreachable!()));
        let reason = "the body is left out";
        function.attrs.push(parse_quote!(#[allow(unused_variables, reason = #reason)]));
    }
    // The original has the lifetime of the `impl` beside the call, and not inside.
    function.in_impl |= function.says_lifetime_of_the_impl();
    let plan = Plan { refused: true, ..Plan::new(&function, options) };
    let body_call = match function.output().filter(|ty| says_impl(ty)) {
        None => quote!(::core::unreachable!()),
        Some(_) => opaque(&plan, &function),
    };
    plan.assemble(&body_call)
}

/// Writes the type that the refusal proposes for each type without a size. Returns whether the result was such a type.
fn give_sizes(function: &mut AnnotatedFunction) -> bool {
    for input in &mut function.sig.inputs {
        if let FnArg::Typed(param) = input
            && let Some(found) = unsized_type(&param.ty)
        {
            *param.ty = found.argument().clone();
        }
    }
    function.params = Param::all_of(&function.sig);
    let ReturnType::Type(_, output) = &mut function.sig.output else { return false };
    let owned = unsized_type(output).map(|found| found.owned);
    let is_unsized = owned.is_some();
    **output = owned.unwrap_or_else(|| (**output).clone());
    is_unsized
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

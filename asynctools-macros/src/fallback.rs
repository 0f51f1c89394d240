//! What stands in place of the item: the expansion, or beside an error what callers expect, so that one mistake is one error.

use proc_macro2::{Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, parse_quote};

use crate::args::Args;
use crate::expand::expand;
use crate::expand::split;
use crate::model::Form;
use crate::model::Function;
use crate::model::Item;
use crate::model::says_impl;
use crate::plan::Plan;
use crate::valid::Verdict;
use crate::valid::refuses;

pub(crate) fn answer(args: Args, item: Item, verdict: Verdict) -> TokenStream {
    let Verdict { options, item: refusal } = verdict;
    let mut tokens: TokenStream = [&options, &refusal].into_iter().flatten().map(Error::to_compile_error).collect();
    match item {
        Item::Other(other) => tokens.extend(other.tokens),
        Item::Function(function) => {
            // Each of the two functions is looked at again, without the condition.
            if let Some(input) = function.conditional_input() {
                return split(&function, &args, input);
            }
            let args = if options.is_some() { args.without_place(&function.sig.ident) } else { args };
            tokens.extend(match refusal {
                None => expand(&function, &args),
                Some(_) => refused(*function, &args),
            });
        }
    }
    tokens
}

/// ```text
/// #[pooled]                               fn push(list: &mut Vec<u8>) -> AsyncValue<usize> {
/// fn push(list: &mut Vec<u8>) -> usize {      fn __asynctools_push(list: &mut Vec<u8>) -> usize { .. }
///     ..                            =>        unreachable!()
/// }                                       }
/// ```
///
/// Callers find the function that they would have without the mistake, and what the body uses stays used.
fn refused(mut function: Function, args: &Args) -> TokenStream {
    if function.is_main() {
        let Function { attrs, vis, sig, body, .. } = function;
        return quote!(#(#attrs)* #vis #sig #body);
    }
    if function.sig.variadic.take().is_some() {
        // rustc would refuse it once more, and a body without its variadic parameter.
        function.body = Group::new(function.body.delimiter(), quote!(::core::unreachable!()));
        let reason = "the body is left out";
        function.attrs.push(parse_quote!(#[allow(unused_variables, reason = #reason)]));
    }
    let plan = Plan { refused: true, ..Plan::new(&function, args) };
    let work = match function.output().filter(|ty| says_impl(ty)) {
        None => quote!(::core::unreachable!()),
        Some(_) => opaque(&plan, &function),
    };
    plan.assemble(&work)
}

/// Only the body knows the type behind an `impl Trait`, so it is named as if it were called.
fn opaque(plan: &Plan<'_>, function: &Function) -> TokenStream {
    let nothing = || quote!(::core::option::Option::unwrap(::core::option::Option::None));
    let receiver = function.receiver().map(|_| nothing());
    let inputs = function.params.iter().zip(&plan.names).map(|(param, name)| match param.form {
        Form::Plain if !refuses(param) => quote!(#name),
        _ => nothing(),
    });
    let inputs = receiver.into_iter().chain(inputs);
    let (runtime, body) = (plan.runtime(plan.name_span), plan.body_path());
    quote_spanned!(plan.name_span=> #runtime::AsyncValue::ready(#body(#(#inputs),*)))
}

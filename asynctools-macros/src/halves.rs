//! The two functions of a function with a conditional part: an argument or a generic of a call cannot have a `#[cfg]`, so
//! the condition moves to the function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, GenericParam, Signature};

use crate::conditional::existence;
use crate::conditional::one_by_one;
use crate::item::AnnotatedFunction;
use crate::kept_attributes::in_their_places;
use crate::options::AttributeMacro;
use crate::options::Options;
use crate::plan::Plan;

/// A part of a signature that a `#[cfg]` can remove, by its position.
#[derive(Clone, Copy)]
enum ConditionalPart {
    Input(usize),
    Generic(usize),
}

/// ```text
/// #[pooled]
/// fn f(#[cfg(p)] a: A) { body }
///
/// #[cfg(all(p))] #[pooled] fn f(a: A) { body }
/// #[cfg(not(all(p)))] #[pooled] fn f() { body }
/// ```
///
/// Returns `None` for a function without a conditional part. rustc expands the attribute on the function that is left.
pub(crate) fn halves(function: &AnnotatedFunction, options: &Options) -> Option<TokenStream> {
    let AnnotatedFunction { attrs, vis, sig, body, .. } = function;
    let part = conditional_part(sig)?;
    let (attrs, body) = in_their_places(attrs, body);
    let plan = Plan::new(function, options);
    let runtime = plan.runtime(plan.name_span);
    let written = &options.tokens;
    let attribute = match options.attribute {
        AttributeMacro::Parallel => quote!(#runtime::parallel(#written)),
        AttributeMacro::Pooled => quote!(#runtime::pooled(#written)),
    };
    let (mut with, mut without) = (sig.clone(), sig.clone());
    let of_the_part = match part {
        ConditionalPart::Input(index) => {
            without.inputs = without_nth(without.inputs, index);
            attrs_of_input(&mut with.inputs[index])
        }
        ConditionalPart::Generic(index) => {
            without.generics.params = without_nth(without.generics.params, index);
            attrs_of_generic(&mut with.generics.params[index])
        }
    };
    let mut conditions = Vec::new();
    for attr in one_by_one(std::mem::take(of_the_part)) {
        match existence(&attr) {
            Some(condition) => conditions.push(condition),
            None => of_the_part.push(attr),
        }
    }
    let holds = quote!(all(#(#conditions),*));
    Some(quote! {
        #[cfg(#holds)] #[#attribute] #(#attrs)* #vis #with #body
        #[cfg(not(#holds))] #[#attribute] #(#attrs)* #vis #without #body
    })
}

/// Returns the first part under a condition.
fn conditional_part(sig: &Signature) -> Option<ConditionalPart> {
    let is_conditional = |attrs: &[Attribute]| {
        !attrs.is_empty() && one_by_one(attrs.to_vec()).iter().any(|attr| existence(attr).is_some())
    };
    let input = sig.inputs.iter().position(|input| match input {
        FnArg::Receiver(receiver) => is_conditional(&receiver.attrs),
        FnArg::Typed(param) => is_conditional(&param.attrs),
    });
    let generic = || {
        let index = sig.generics.params.iter().position(|param| match param {
            GenericParam::Type(param) => is_conditional(&param.attrs),
            GenericParam::Const(param) => is_conditional(&param.attrs),
            GenericParam::Lifetime(param) => is_conditional(&param.attrs),
        });
        index.map(ConditionalPart::Generic)
    };
    input.map(ConditionalPart::Input).or_else(generic)
}

fn attrs_of_input(input: &mut FnArg) -> &mut Vec<Attribute> {
    match input {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(param) => &mut param.attrs,
    }
}

fn attrs_of_generic(param: &mut GenericParam) -> &mut Vec<Attribute> {
    match param {
        GenericParam::Type(param) => &mut param.attrs,
        GenericParam::Const(param) => &mut param.attrs,
        GenericParam::Lifetime(param) => &mut param.attrs,
    }
}

fn without_nth<T, P: Default>(list: Punctuated<T, P>, index: usize) -> Punctuated<T, P> {
    list.into_iter().enumerate().filter(|(nth, _)| *nth != index).map(|(_, kept)| kept).collect()
}

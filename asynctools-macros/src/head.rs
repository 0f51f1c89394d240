//! The signature of the rewritten function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Lifetime, Receiver, Signature, Type, TypeParamBound, WherePredicate};

use crate::model::Failure;
use crate::model::Form;
use crate::model::Param;
use crate::model::Receives;
use crate::plan::Plan;
use crate::plan::at;
use crate::valid::refuses;
use crate::walk::Part;
use crate::walk::walk_type;

impl Plan<'_> {
    /// ```text
    /// fn fetch<'a, T>(url: &'a str, t: T) -> Result<U, E>
    ///
    /// fn fetch<T>(url: impl ArgRef<str, E>, t: impl Arg<T, E>) -> AsyncValue<Result<U, E>>
    /// ```
    ///
    /// Of a refused function, all that is refused stays.
    pub(crate) fn head(&self) -> TokenStream {
        let Signature { unsafety, fn_token, ident, generics, .. } = &self.function.sig;
        let generics = if self.refused { generics.clone() } else { without_lifetimes(generics) };
        let (generics, _, where_clause) = generics.split_for_impl();
        let receiver = self.function.receiver().map(received);
        let inputs = self.function.params.iter().zip(&self.names).map(|(param, name)| {
            let ty = self.input_type(param);
            quote_spanned!(name.span()=> #name: #ty)
        });
        let inputs = receiver.into_iter().chain(inputs);
        let handle = self.handle();
        quote_spanned! {self.name_span=>
            #unsafety #fn_token #ident #generics (#(#inputs),*) -> #handle #where_clause
        }
    }

    /// `impl ArgRef<str, E>`, from the first token of the user's type to the last.
    fn input_type(&self, param: &Param) -> TokenStream {
        let ty = &*param.syntax.ty;
        if self.refused && refuses(param) {
            return ty.to_token_stream();
        }
        let span = at(param.ends.whole);
        let (runtime, error) = (self.runtime(span), self.error_argument(span));
        let end = quote_spanned!(at(param.ends.last)=> >);
        match &param.form {
            Form::Value => quote_spanned!(span=> impl #runtime::Arg<#ty #error #end),
            Form::Borrowed(ty) => quote_spanned!(span=> impl #runtime::ArgRef<#ty #error #end),
            Form::Plain => ty.to_token_stream(),
        }
    }

    /// The error type as the second argument of `Arg`, where it is not the default.
    fn error_argument(&self, span: Span) -> Option<TokenStream> {
        let error = match self.failure {
            Failure::Never => return None,
            Failure::Named(_) | Failure::Projected(_) => self.error_type(),
        };
        Some(quote_spanned!(span=> , #error))
    }

    /// `AsyncValue<R>`
    fn handle(&self) -> TokenStream {
        let span = self.output_span;
        let runtime = self.runtime(span);
        let result = match self.function.output() {
            None => quote_spanned!(span=> ()),
            Some(Type::Never(_)) => quote_spanned!(span=> ::core::convert::Infallible),
            Some(output) => {
                let mut owned = output.clone();
                walk_type(&mut owned, &mut own);
                owned.to_token_stream()
            }
        };
        // The head of a function ends where its last token is. If that token is the user's, lints speak of the user's head,
        // and what they say of the body's as well they say once.
        let last = self.output_last.unwrap_or_else(|| self.function.sig.paren_token.span.close());
        let end = quote_spanned!(last=> >);
        quote_spanned!(span=> #runtime::AsyncValue<#result #end)
    }
}

fn received(receiver: &Receiver) -> TokenStream {
    let Receiver { self_token, ty, .. } = receiver;
    let span = at(self_token.span());
    match Receives::of(receiver) {
        Receives::Value => self_token.to_token_stream(),
        Receives::Reference => quote_spanned!(span=> &#self_token),
        Receives::Box | Receives::Arc => quote_spanned!(span=> #self_token: #ty),
        Receives::Mutable | Receives::Other => receiver.to_token_stream(),
    }
}

/// The lifetimes are the body's: it borrows from what the call owns, whoever the caller is.
fn without_lifetimes(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    let params = generics.params.into_iter();
    generics.params = params.filter(|param| !matches!(param, GenericParam::Lifetime(_))).collect();
    if let Some(clause) = &mut generics.where_clause {
        let predicates = std::mem::take(&mut clause.predicates).into_iter();
        let kept = predicates.filter(|held| !matches!(held, WherePredicate::Lifetime(_)));
        clause.predicates = kept.collect();
    }
    generics
}

/// Makes a part of the result one that a handle can own. Only a refused function has a borrow there.
fn own(part: Part<'_>) {
    let forever = |span| Lifetime::new("'static", span);
    match part {
        Part::Elided(reference) => reference.lifetime = Some(forever(reference.and_token.span)),
        Part::Named(lifetime) => *lifetime = forever(lifetime.span()),
        Part::Impl(ty) => {
            let Type::ImplTrait(opaque) = ty else { return };
            let bounds = std::mem::take(&mut opaque.bounds).into_iter();
            let traits = bounds
                .filter(|bound| !matches!(bound, TypeParamBound::Lifetime(_) | TypeParamBound::PreciseCapture(_)));
            let outlives = TypeParamBound::Lifetime(forever(at(opaque.impl_token.span)));
            opaque.bounds = traits.chain([outlives]).collect();
        }
    }
}

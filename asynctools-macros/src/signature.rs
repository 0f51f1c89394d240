//! The signature of the rewritten function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericParam, Generics, Lifetime, Receiver, Signature, Type, TypeParamBound, WhereClause, WherePredicate};

use crate::hidden_lifetime::hides_a_lifetime;
use crate::hidden_lifetime::write_static;
use crate::item::ErrorType;
use crate::item::Param;
use crate::item::Passing;
use crate::item::ReceiverKind;
use crate::plan::Plan;
use crate::plan::hygienic;
use crate::type_walk::TypePart;
use crate::type_walk::walk_type;
use crate::valid_types::refuses;

impl Plan<'_> {
    /// ```text
    /// fn fetch<'a, T>(url: &'a str, t: T) -> Result<U, E>
    ///
    /// fn fetch<T>(url: impl ArgRef<str, E>, t: impl Arg<T, E>) -> AsyncValue<Result<U, E>>
    /// ```
    ///
    /// A refused part stays as the user wrote it.
    pub(crate) fn signature(&self) -> TokenStream {
        let Signature { unsafety, fn_token, ident, generics, .. } = &self.function.sig;
        let generics = if self.refused { generics.clone() } else { without_lifetimes(generics) };
        let has_generics = !generics.params.is_empty();
        let (generics, _, where_clause) = generics.split_for_impl();
        let where_clause = self.unproposed(where_clause);
        // For a type that rustc cannot find in `impl Arg<Strng>` it proposes a generic of the user's, and for one in the
        // original none. Without that proposal the two messages are one.
        let no_generics = (!has_generics).then(|| quote_spanned!(behind(ident.span())=> <>));
        let receiver = self.function.receiver().map(receiver_of_the_call);
        let inputs = self.function.params.iter().zip(&self.names).map(|(param, name)| {
            let ty = self.input_type(param);
            quote_spanned!(name.span()=> #name: #ty)
        });
        let inputs = receiver.into_iter().chain(inputs);
        let handle = self.handle();
        quote_spanned! {self.name_span=>
            #unsafety #fn_token #ident #generics #no_generics (#(#inputs),*) -> #handle #where_clause
        }
    }

    /// Writes the `where` of a method with `&self` as one of the macro's. To one of the user's rustc proposes to add each
    /// bound that is not met, and the bound on `Self` is a trait that no program can name.
    fn unproposed(&self, written: Option<&WhereClause>) -> TokenStream {
        let clones = |receiver| matches!(ReceiverKind::of(receiver), ReceiverKind::Reference);
        if self.refused || !self.function.receiver().is_some_and(clones) {
            return written.to_token_stream();
        }
        let span = written.map_or_else(|| self.last_of_signature(), |clause| clause.where_token.span);
        let predicates = written.map(|clause| &clause.predicates);
        quote_spanned!(hygienic(span)=> where #predicates)
    }

    /// Returns the span of the last token before the body or the `where`.
    fn last_of_signature(&self) -> Span {
        self.output_last.unwrap_or_else(|| self.function.sig.paren_token.span.close())
    }

    /// Writes `impl ArgRef<str, E>`, with the span of the user's type.
    pub(crate) fn input_type(&self, param: &Param) -> TokenStream {
        let ty = &*param.syntax.ty;
        if self.refused && refuses(param) {
            return ty.to_token_stream();
        }
        let span = hygienic(param.ends.whole);
        let (runtime, error) = (self.runtime(span), self.error_argument(span));
        let end = quote_spanned!(hygienic(param.ends.last)=> >);
        match &param.passing {
            Passing::ByValue => quote_spanned!(span=> impl #runtime::Arg<#ty #error #end),
            Passing::ByReference(ty) => quote_spanned!(span=> impl #runtime::ArgRef<#ty #error #end),
            Passing::Plain => ty.to_token_stream(),
        }
    }

    /// Writes the error type as the second argument of `Arg`, unless it is the default.
    fn error_argument(&self, span: Span) -> Option<TokenStream> {
        let error = match self.error_type {
            ErrorType::Never => return None,
            ErrorType::Named(_) | ErrorType::Projected(_) => self.error_type(),
        };
        Some(quote_spanned!(span=> , #error))
    }

    /// Writes `AsyncValue<R>`.
    pub(crate) fn handle(&self) -> TokenStream {
        let span = self.output_span;
        let runtime = self.runtime(span);
        let result = match self.function.output() {
            None => quote_spanned!(span=> ()),
            Some(Type::Never(_)) => quote_spanned!(span=> ::core::convert::Infallible),
            Some(output) => {
                let mut owned = output.clone();
                walk_type(&mut owned, &mut make_static);
                owned.to_token_stream()
            }
        };
        // For rustc a signature ends at its last token. If that token is the user's, a lint about this signature has
        // the span of the user's, and a lint that fires for the body's signature too is printed once.
        let end = quote_spanned!(self.last_of_signature()=> >);
        quote_spanned!(span=> #runtime::AsyncValue<#result #end)
    }
}

/// Returns the empty place behind the span. Tests of the macro have no compiler, and so no places.
fn behind(span: Span) -> Span {
    hygienic(if proc_macro::is_available() { span.unwrap().end().into() } else { span })
}

fn receiver_of_the_call(receiver: &Receiver) -> TokenStream {
    let Receiver { self_token, ty, .. } = receiver;
    let span = hygienic(self_token.span());
    match ReceiverKind::of(receiver) {
        ReceiverKind::Value => self_token.to_token_stream(),
        ReceiverKind::Reference => quote_spanned!(span=> &#self_token),
        ReceiverKind::StaticReference => Receiver { attrs: Vec::new(), ..receiver.clone() }.to_token_stream(),
        ReceiverKind::Box | ReceiverKind::Arc => quote_spanned!(span=> #self_token: #ty),
        ReceiverKind::MutableReference | ReceiverKind::Other => receiver.to_token_stream(),
    }
}

/// Returns the generics of the call. The lifetimes belong to the body, which borrows from the values that the call
/// owns.
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

/// Makes a part of the result `'static`, as a handle needs. Only the result of a refused function has a borrow.
pub(crate) fn make_static(part: TypePart<'_>) {
    let forever = |span| Lifetime::new("'static", span);
    match part {
        TypePart::Elided(reference) => reference.lifetime = Some(forever(reference.and_token.span)),
        TypePart::Named(lifetime) => *lifetime = forever(lifetime.span()),
        TypePart::Path(path) if hides_a_lifetime(path) => write_static(path, path.span()),
        TypePart::Path(_) => {}
        TypePart::Impl(ty) => {
            let Type::ImplTrait(opaque) = ty else { return };
            let bounds = std::mem::take(&mut opaque.bounds).into_iter();
            let traits = bounds
                .filter(|bound| !matches!(bound, TypeParamBound::Lifetime(_) | TypeParamBound::PreciseCapture(_)));
            let outlives = TypeParamBound::Lifetime(forever(hygienic(opaque.impl_token.span)));
            opaque.bounds = traits.chain([outlives]).collect();
        }
    }
}

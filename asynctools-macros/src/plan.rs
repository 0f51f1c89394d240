//! The plan of an expansion, which its parts share: the place of the body, names, spans, the path of the runtime, the
//! error type.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericParam, Ident, Pat, ReturnType};

use crate::item::AnnotatedFunction;
use crate::item::Ends;
use crate::item::ErrorType;
use crate::item::Param;
use crate::kept_attributes::BodyPlace;
use crate::options::Options;

pub(crate) struct Plan<'m> {
    pub(crate) function: &'m AnnotatedFunction,
    pub(crate) options: &'m Options,
    pub(crate) body_place: BodyPlace,
    /// Whether the tokens show that the function is in an `impl` block.
    pub(crate) in_impl: bool,
    /// The name of the function with the body.
    pub(crate) body_name: Ident,
    /// The names of the parameters of the rewritten function.
    pub(crate) names: Vec<Ident>,
    /// The name of the variable with a pool of the user's.
    pub(crate) pool_name: Ident,
    pub(crate) error_type: ErrorType,
    /// The span of the function's name, with the hygiene of the macro.
    pub(crate) name_span: Span,
    /// The span of the written result or else of the name, with the hygiene of the macro.
    pub(crate) output_span: Span,
    /// The span of the last token of the written result.
    pub(crate) output_last: Option<Span>,
    /// Whether the function stands beside an error, for its callers.
    pub(crate) refused: bool,
}

/// Returns the place of the user's token with the hygiene of the macro: no code of the user's sees a name with this
/// span.
pub(crate) fn hygienic(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// Returns the name of a function that stands beside the rewritten one. In an `impl` of a trait, the first error of
/// rustc's is about this name. rustc never calls a function dead whose name begins with `_`.
fn hidden_name(function: &Ident) -> Ident {
    Ident::new(&format!("__{}_needs_an_inherent_impl", function.unraw()), hygienic(function.span()))
}

impl<'m> Plan<'m> {
    pub(crate) fn new(function: &'m AnnotatedFunction, options: &'m Options) -> Self {
        let name = &function.sig.ident;
        let in_impl = function.in_impl || options.sync.as_ref().is_some_and(|sync| sync.says_self);
        let body_place = match &options.sync {
            Some(_) => BodyPlace::Kept,
            None if in_impl => BodyPlace::Hidden,
            None => BodyPlace::Inside,
        };
        let name_span = hygienic(name.span());
        let private_name = |what: &str| Ident::new(&format!("__asynctools_{what}"), name_span);
        let body_name = options.sync.as_ref().map(|sync| sync.name.clone());
        let body_name = body_name.unwrap_or_else(|| match body_place {
            BodyPlace::Hidden => hidden_name(name),
            _ => private_name(&name.unraw().to_string()),
        });
        let pool_name = private_name("pool");
        let names = names(function, &[&body_name, &pool_name]);
        let error_type = function.error_type();
        let output = function.output().map(Ends::of);
        let output_span = output.map_or(name_span, |ends| hygienic(ends.whole));
        let output_last = match &function.sig.output {
            ReturnType::Type(_, output) => Some(Ends::of(output).last),
            ReturnType::Default => None,
        };
        Plan {
            function,
            options,
            body_place,
            in_impl,
            body_name,
            names,
            pool_name,
            error_type,
            name_span,
            output_span,
            output_last,
            refused: false,
        }
    }

    /// Moves the body from the function that `sync` names to a third one, which both others call. A call of a deprecated
    /// function would be reported.
    pub(crate) fn with_deprecated_name(self) -> Self {
        Plan { body_place: BodyPlace::Hidden, body_name: hidden_name(&self.function.sig.ident), ..self }
    }

    /// Returns the path of the runtime crate. A path that the user wrote keeps its span, so that rustc reports a wrong
    /// path there.
    pub(crate) fn runtime(&self, span: Span) -> TokenStream {
        let written = self.options.runtime_path.as_ref().map(ToTokens::to_token_stream);
        written.unwrap_or_else(|| quote_spanned!(span=> ::asynctools))
    }

    /// Writes `__asynctools_fetch::<T>`.
    pub(crate) fn body_path(&self) -> TokenStream {
        let (span, name) = (self.name_span, &self.body_name);
        let within = self.in_impl.then(|| quote_spanned!(span=> Self::));
        let generics = self.generics();
        let turbofish = (!generics.is_empty()).then(|| quote_spanned!(span=> ::<#(#generics),*>));
        quote_spanned!(span=> #within #name #turbofish)
    }

    /// Returns the generics that an expression can name: types and constants.
    pub(crate) fn generics(&self) -> Vec<&'m Ident> {
        let params = self.function.sig.generics.params.iter();
        let named = params.filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        });
        named.collect()
    }

    /// Writes the error type of the call.
    pub(crate) fn error_type(&self) -> TokenStream {
        match &self.error_type {
            ErrorType::Never => quote_spanned!(self.name_span=> ::core::convert::Infallible),
            ErrorType::Named(error) => error.to_token_stream(),
            ErrorType::Projected(result) => {
                let span = hygienic(result.span());
                let runtime = self.runtime(span);
                quote_spanned!(span=> <#result as #runtime::Fallible>::Error)
            }
        }
    }
}

/// Returns the names of the parameters as the docs show them: the user's name, or `arg0` for a pattern.
///
/// The names have the hygiene of the macro, so that the options cannot see them. Their text must differ from each name
/// that the rewritten function uses, and from one another even if two of the user's differ only by the macro that they
/// come from.
fn names(function: &AnnotatedFunction, taken: &[&Ident]) -> Vec<Ident> {
    let mut taken: Vec<String> = taken.iter().map(ToString::to_string).collect();
    let written = |param: &Param| match &*param.syntax.pat {
        Pat::Ident(pat) => Some(pat.ident.clone()),
        _ => None,
    };
    let all_written: Vec<String> = function.params.iter().filter_map(written).map(|name| name.to_string()).collect();
    let mut names = Vec::new();
    for (index, param) in function.params.iter().enumerate() {
        let free = |name: &Ident| !taken.contains(&name.to_string());
        let mut name = written(param).filter(free).unwrap_or_else(|| {
            let numbered = (index..).map(|n| format!("arg{n}"));
            let mut unused = numbered.filter(|n| !taken.contains(n) && !all_written.contains(n));
            Ident::new(&unused.next().unwrap_or_default(), param.syntax.pat.span())
        });
        name.set_span(hygienic(name.span()));
        taken.push(name.to_string());
        names.push(name);
    }
    names
}

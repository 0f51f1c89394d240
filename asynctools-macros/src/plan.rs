//! What both halves of an expansion share: where the body goes, names, spans, the path of the
//! runtime and the error type.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{GenericParam, Ident, Pat, ReturnType};

use crate::args::Args;
use crate::attrs::Home;
use crate::model::Ends;
use crate::model::Failure;
use crate::model::Function;
use crate::model::Param;

pub(crate) struct Plan<'m> {
    pub(crate) function: &'m Function,
    pub(crate) args: &'m Args,
    pub(crate) home: Home,
    /// The name of the function that has the body.
    pub(crate) body_name: Ident,
    /// The names of the parameters of the rewritten function.
    pub(crate) names: Vec<Ident>,
    /// The name of a pool that is the user's.
    pub(crate) pool_name: Ident,
    pub(crate) failure: Failure,
    /// Of the function's name, with names that nobody else can say.
    pub(crate) name_span: Span,
    /// Of the written result, or of the name.
    pub(crate) output_span: Span,
    /// The last token of the written result.
    pub(crate) output_last: Option<Span>,
    /// Whether the function is only there for its callers, beside an error.
    pub(crate) refused: bool,
}

/// Where the user's token is, with names that nobody else can say.
pub(crate) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

impl<'m> Plan<'m> {
    pub(crate) fn new(function: &'m Function, args: &'m Args) -> Self {
        let name = &function.sig.ident;
        let home = match &args.sync {
            Some(_) => Home::Kept,
            None if function.in_impl => Home::Hidden,
            None => Home::Inside,
        };
        let name_span = at(name.span());
        let ours = |what: &str| Ident::new(&format!("__asynctools_{what}"), name_span);
        let body_name = args.sync.clone().unwrap_or_else(|| ours(&name.unraw().to_string()));
        let pool_name = ours("pool");
        let names = names(function, &[&body_name, &pool_name]);
        let failure = function.failure();
        let output = function.output().map(Ends::of);
        let output_span = output.map_or(name_span, |ends| at(ends.whole));
        let output_last = match &function.sig.output {
            ReturnType::Type(_, output) => Some(Ends::of(output).last),
            ReturnType::Default => None,
        };
        Plan {
            function,
            args,
            home,
            body_name,
            names,
            pool_name,
            failure,
            name_span,
            output_span,
            output_last,
            refused: false,
        }
    }

    /// The path of the runtime crate. One that the user wrote keeps its span, so that a wrong one is
    /// an error there.
    pub(crate) fn runtime(&self, span: Span) -> TokenStream {
        let written = self.args.krate.as_ref().map(ToTokens::to_token_stream);
        written.unwrap_or_else(|| quote_spanned!(span=> ::asynctools))
    }

    /// `__asynctools_fetch::<T>`
    pub(crate) fn body_path(&self) -> TokenStream {
        let (span, name) = (self.name_span, &self.body_name);
        let within = self.function.in_impl.then(|| quote_spanned!(span=> Self::));
        let generics = self.generics();
        let turbofish = (!generics.is_empty()).then(|| quote_spanned!(span=> ::<#(#generics),*>));
        quote_spanned!(span=> #within #name #turbofish)
    }

    /// The generics that have a name in an expression.
    pub(crate) fn generics(&self) -> Vec<&'m Ident> {
        let params = self.function.sig.generics.params.iter();
        let named = params.filter_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Const(param) => Some(&param.ident),
            GenericParam::Lifetime(_) => None,
        });
        named.collect()
    }

    /// The error type of the call.
    pub(crate) fn error_type(&self) -> TokenStream {
        match &self.failure {
            Failure::Never => quote_spanned!(self.name_span=> ::core::convert::Infallible),
            Failure::Named(error) => error.to_token_stream(),
            Failure::Projected(result) => {
                let span = at(result.span());
                let runtime = self.runtime(span);
                quote_spanned!(span=> <#result as #runtime::__private::Fallible>::Error)
            }
        }
    }
}

/// The names of the parameters as callers see them in the docs: the user's where there is one.
///
/// By their spans they are ours, so that the options do not see them; by their text they must then
/// differ from what the rewritten function calls, and from one another even where the user's
/// differ only by the macro that they come from.
fn names(function: &Function, taken: &[&Ident]) -> Vec<Ident> {
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
        name.set_span(at(name.span()));
        taken.push(name.to_string());
        names.push(name);
    }
    names
}

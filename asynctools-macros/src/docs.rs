//! The paragraph that the docs of an annotated function gain: where a call runs, and the signature as written.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{Attribute, Expr, ExprLit, FnArg, GenericParam, Lit, LitStr, Meta, MetaNameValue, Signature};

use crate::kept_attributes::is_doc;
use crate::options::RunsOn;
use crate::plan::Plan;
use crate::written::as_written;

impl Plan<'_> {
    /// Adds the paragraph after the first one. Docs that come from elsewhere (`include_str!`) gain it at their end, and a
    /// function without docs stays without.
    ///
    /// ```text
    /// /// Counts the lines of a file.
    /// ///
    /// /// Runs on a pool of 5 workers and returns a handle. As written: `fn line_count(path: &Path) -> io::Result<usize>`.
    /// ```
    pub(crate) fn documented(&self, mut attrs: Vec<Attribute>, runs_on: &str) -> Vec<Attribute> {
        let is_blank = |attr: &Attribute| text(attr).is_some_and(|text| text.value().trim().is_empty());
        let Some(first) = attrs.iter().position(|attr| doc(attr).is_some() && !is_blank(attr)) else { return attrs };
        let end = attrs.iter().rposition(|attr| doc(attr).is_some()).map_or(attrs.len(), |last| last + 1);
        let at = attrs.iter().skip(first).position(is_blank).map_or(end, |blank| first + blank);
        let first = attrs[first].clone();
        let margin = text(&first).map(LitStr::value).unwrap_or_default();
        let margin = &margin[..margin.len() - margin.trim_start_matches(' ').len()];
        let signature = as_written(&bare(&self.function.sig));
        // One attribute for both lines, because each attribute costs the compiler time. rustdoc drops an empty first line,
        // and the paragraph would be a part of the one before.
        let paragraph = format!(" \n{margin}Runs {runs_on} and returns a handle. As written: `{signature}`.");
        attrs.insert(at, with_text(&first, &paragraph));
        attrs
    }

    /// Writes docs for the function that `sync` names, where the original has none to share: rustc tells the user of one function
    /// without docs, and not of two.
    pub(crate) fn docs_of_sync(&self) -> Option<TokenStream> {
        let function = self.function;
        if self.options.sync.is_none() || function.attrs.iter().any(is_doc) {
            return None;
        }
        let text = format!(" Runs `{}` on the current thread, and returns its result.", function.sig.ident);
        Some(quote_spanned!(self.name_span=> #[doc = #text]))
    }

    /// Says which threads run a call.
    pub(crate) fn runs_on(&self) -> String {
        match &self.options.runs_on {
            RunsOn::Thread => "at once, on a thread of its own,".to_owned(),
            RunsOn::Global => "on the default pool".to_owned(),
            RunsOn::Pool(pool) => format!("on the pool `{}`", as_written(pool)),
            RunsOn::Own { workers: Expr::Lit(ExprLit { lit: Lit::Int(number), .. }), .. } => {
                let workers = if number.base10_digits() == "1" { "worker" } else { "workers" };
                format!("on a pool of {} {workers}", number.base10_digits())
            }
            RunsOn::Own { workers, .. } => format!("on a pool of its own, with `{}` workers,", as_written(workers)),
        }
    }
}

/// Returns the value of a `#[doc = ..]`.
fn doc(attr: &Attribute) -> Option<&Expr> {
    match &attr.meta {
        Meta::NameValue(MetaNameValue { path, value, .. }) if path.is_ident("doc") => Some(value),
        _ => None,
    }
}

fn text(attr: &Attribute) -> Option<&LitStr> {
    match doc(attr)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        _ => None,
    }
}

/// Returns the attribute with another text, in the same style.
fn with_text(sample: &Attribute, line: &str) -> Attribute {
    let mut attr = sample.clone();
    if let Meta::NameValue(meta) = &mut attr.meta {
        let span = text(sample).map_or(meta.eq_token.span, LitStr::span);
        meta.value = Expr::Lit(ExprLit { attrs: Vec::new(), lit: Lit::Str(LitStr::new(line, span)) });
    }
    attr
}

/// Returns the signature without the attributes of its parameters.
fn bare(sig: &Signature) -> Signature {
    let mut sig = sig.clone();
    for input in &mut sig.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.attrs.clear(),
            FnArg::Typed(param) => param.attrs.clear(),
        }
    }
    for param in &mut sig.generics.params {
        match param {
            GenericParam::Type(param) => param.attrs.clear(),
            GenericParam::Const(param) => param.attrs.clear(),
            GenericParam::Lifetime(param) => param.attrs.clear(),
        }
    }
    sig
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use crate::docs::text;
    use crate::item::AnnotatedItem;
    use crate::kept_attributes::BodyPlace;
    use crate::kept_attributes::of_the_call;
    use crate::options::AttributeMacro;
    use crate::options::Options;
    use crate::plan::Plan;

    fn docs(attribute: AttributeMacro, options: TokenStream, item: TokenStream) -> Vec<String> {
        let options = Options::parse(attribute, options);
        let AnnotatedItem::Function(function) = AnnotatedItem::parse(item) else { panic!("it is a function") };
        let plan = Plan::new(&function, &options);
        let attrs = plan.documented(of_the_call(&function, BodyPlace::Inside), &plan.runs_on());
        attrs.iter().filter_map(text).map(syn::LitStr::value).collect()
    }

    #[test]
    fn the_paragraph_follows_the_first_one() {
        let item = quote! {
            /// Counts the lines
            /// of a file.
            ///
            /// # Errors
            #[inline]
            fn line_count(#[cfg_attr(x, y)] path: &Path) -> io::Result<usize> {}
        };
        let added = " \n Runs on a pool of 5 workers and returns a handle. As written: `fn line_count(path: &Path) -> \
                     io::Result<usize>`.";
        let all = [" Counts the lines", " of a file.", added, "", " # Errors"];
        assert_eq!(docs(AttributeMacro::Pooled, quote!(workers = 5), item), all);
    }

    #[test]
    fn it_says_where_a_call_runs() {
        let item = quote!(
            /** Works. */
            fn f() {}
        );
        let last = |attribute, options| docs(attribute, options, item.clone()).pop().unwrap_or_default();
        for (options, words) in [
            (quote!(), "on the default pool and"),
            (quote!(workers = 1_usize), "on a pool of 1 worker and"),
            (quote!(workers = cores()), "on a pool of its own, with `cores()` workers, and"),
            (quote!(pool = self.pool), "on the pool `self.pool` and"),
        ] {
            let text = last(AttributeMacro::Pooled, options);
            assert_eq!(text, format!(" \n Runs {words} returns a handle. As written: `fn f()`."));
        }
        let text = last(AttributeMacro::Parallel, quote!());
        assert_eq!(text, " \n Runs at once, on a thread of its own, and returns a handle. As written: `fn f()`.");
    }

    #[test]
    fn a_function_without_docs_stays_without() {
        assert!(
            docs(
                AttributeMacro::Pooled,
                quote!(),
                quote!(
                    #[doc(hidden)]
                    #[doc = " "]
                    fn f() {}
                )
            )
            .len()
                == 1
        );
        let elsewhere = quote!(
            #[doc = include_str!("f.md")]
            #[must_use]
            fn f() {}
        );
        assert_eq!(docs(AttributeMacro::Pooled, quote!(), elsewhere).len(), 1);
    }
}

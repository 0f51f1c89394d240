//! The paragraph that the docs of an annotated function gain: where a call runs, and the signature as written.

use syn::{Attribute, Expr, ExprLit, FnArg, GenericParam, Lit, LitStr, Meta, MetaNameValue, Signature};

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
        let lines = || attrs.iter().enumerate().filter(|(_, attr)| doc(attr).is_some());
        let Some(first) = lines().position(|(_, attr)| text(attr).is_none_or(|text| !text.value().trim().is_empty()))
        else {
            return attrs;
        };
        let Some((_, sample)) = lines().nth(first) else { return attrs };
        let sample = sample.clone();
        let end = lines().skip(first).find(|(_, attr)| text(attr).is_some_and(|text| text.value().trim().is_empty()));
        let at = end.or_else(|| lines().last()).map_or(0, |(at, _)| at);
        let after = if end_is_blank(&attrs[at]) { at } else { at + 1 };
        let margin = text(&sample).map_or(String::new(), |text| {
            let text = text.value();
            text.chars().take_while(|letter| *letter == ' ').collect()
        });
        let signature = as_written(&bare(&self.function.sig));
        let paragraph = format!("{margin}Runs {runs_on} and returns a handle. As written: `{signature}`.");
        let added = ["", &paragraph].map(|line| with_text(&sample, line));
        attrs.splice(after..after, added);
        attrs
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

fn end_is_blank(attr: &Attribute) -> bool {
    text(attr).is_some_and(|text| text.value().trim().is_empty())
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
        attrs.iter().filter_map(text).map(|text| text.value()).collect()
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
        let added = " Runs on a pool of 5 workers and returns a handle. As written: `fn line_count(path: &Path) -> \
                     io::Result<usize>`.";
        let all = [" Counts the lines", " of a file.", "", added, "", " # Errors"];
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
            assert_eq!(text, format!(" Runs {words} returns a handle. As written: `fn f()`."));
        }
        let text = last(AttributeMacro::Parallel, quote!());
        assert_eq!(text, " Runs at once, on a thread of its own, and returns a handle. As written: `fn f()`.");
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
        assert_eq!(docs(AttributeMacro::Pooled, quote!(), elsewhere).len(), 2);
    }
}

//! The signature of the original, as clippy is to see it: users see another one, so clippy has nothing to say there. An
//! `allow` would be an error below a `forbid` of the user's.
//!
//! clippy is silent about an item that begins with a token of the macro's, and about a type that ends with one.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::{FnArg, GenericArgument, PathArguments, ReturnType, Signature, Type, Visibility};

use crate::item::bare;
use crate::item::says_impl;
use crate::kept_attributes::BodyPlace;
use crate::kept_attributes::is_deprecated;
use crate::plan::Plan;
use crate::plan::hygienic;

/// Types about which clippy has words because of the type inside.
const PAIRS: [(&str, &[&str]); 6] = [
    ("Arc", &["Arc", "Box", "OsString", "PathBuf", "Rc", "String", "Vec"]),
    (
        "Box",
        &["Arc", "BTreeMap", "BTreeSet", "BinaryHeap", "Box", "HashMap", "HashSet", "Rc", "String", "Vec", "VecDeque"],
    ),
    ("LinkedList", &[]),
    ("Option", &["Option"]),
    ("Rc", &["Arc", "Box", "Mutex", "OsString", "PathBuf", "Rc", "String", "Vec"]),
    ("Vec", &["Box"]),
];

/// The number of arguments that clippy finds too many, unless a `clippy.toml` says another. clippy says so about the
/// rewritten function.
const MANY_ARGUMENTS: usize = 8;

impl Plan<'_> {
    /// Returns the signature of the original, as one of the macro's.
    pub(crate) fn quiet_signature(&self) -> Signature {
        let mut sig = self.function.sig.clone();
        // rustc points at the `fn` where the original has no place, or its name is taken: an option has named it.
        sig.fn_token.span = match &self.options.sync {
            Some(_) => Span::mixed_site(),
            None => hygienic(sig.fn_token.span),
        };
        for input in &mut sig.inputs {
            if let FnArg::Typed(param) = input {
                quiet_type(&mut param.ty);
            }
        }
        let never_fails = self.never_fails();
        if let ReturnType::Type(_, output) = &mut sig.output {
            quiet_type(output);
            if never_fails {
                let span = hygienic(self.output_span);
                let runtime = self.runtime(span);
                **output = Type::Verbatim(quote_spanned!(span=> <#output as #runtime::__private::Itself>::Itself));
            }
        }
        sig
    }

    /// Returns the visibility of the original under its `sync` name, as one of the macro's.
    pub(crate) fn quiet_visibility(&self) -> Visibility {
        let mut vis = self.function.vis.clone();
        match &mut vis {
            Visibility::Public(word) => word.span = Span::mixed_site(),
            Visibility::Restricted(restricted) => restricted.pub_token.span = Span::mixed_site(),
            Visibility::Inherited => {}
        }
        vis
    }

    /// Writes the `allow`s that no span replaces.
    pub(crate) fn quiet_lints(&self) -> TokenStream {
        let reason = "clippy says so about the rewritten function";
        let many = (self.function.sig.inputs.len() >= MANY_ARGUMENTS)
            .then(|| quote_spanned!(self.name_span=> #[allow(clippy::too_many_arguments, reason = #reason)]));
        let reason = "a deprecated function may call itself";
        let recursive = self
            .is_deprecated_and_recursive()
            .then(|| quote_spanned!(self.name_span=> #[allow(deprecated, reason = #reason)]));
        quote_spanned!(self.name_span=> #many #recursive)
    }

    /// Returns whether the body stands beside a deprecated function that the body calls: to rustc that call is a use by
    /// another function.
    fn is_deprecated_and_recursive(&self) -> bool {
        self.body_place == BodyPlace::Hidden
            && is_deprecated(self.function)
            && says(self.function.body.stream(), &[&self.function.sig.ident.to_string()])
    }

    /// Returns whether the original seems to wrap each of its results in `Ok` or `Some`. clippy would want the function to
    /// return the bare value, unless the result is a type that only the compiler can look up.
    fn never_fails(&self) -> bool {
        let wraps = match self.function.output() {
            Some(Type::Path(path)) => path.path.segments.last().is_some_and(|last| {
                (last.ident.to_string().ends_with("Result") || last.ident == "Option")
                    && !says_impl(&Type::Path(path.clone()))
            }),
            _ => false,
        };
        let body = || self.function.body.stream();
        wraps && says(body(), &["Ok", "Some"]) && !says(body(), &["Err", "None", "?"])
    }
}

/// Returns whether one of the tokens is one of the words.
fn says(tokens: TokenStream, words: &[&str]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Group(group) => says(group.stream(), words),
        TokenTree::Ident(found) => words.iter().any(|word| found == word),
        TokenTree::Punct(found) => words.iter().any(|word| word.starts_with(found.as_char())),
        TokenTree::Literal(_) => false,
    })
}

fn quiet_type(ty: &mut Type) {
    match ty {
        Type::Array(array) => quiet_type(&mut array.elem),
        Type::Group(group) => quiet_type(&mut group.elem),
        Type::Paren(paren) => quiet_type(&mut paren.elem),
        Type::Reference(reference) => quiet_type(&mut reference.elem),
        Type::Slice(slice) => quiet_type(&mut slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(quiet_type),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last_mut() else { return };
            let PathArguments::AngleBracketed(arguments) = &mut last.arguments else { return };
            let inner = PAIRS.iter().find(|(outer, _)| last.ident == outer).map(|(_, inner)| *inner);
            let mut has_words = inner.is_some_and(<[_]>::is_empty);
            for argument in &mut arguments.args {
                if let GenericArgument::Type(argument) = argument {
                    has_words |= inner.is_some_and(|inner| is_one_of(argument, inner));
                    quiet_type(argument);
                }
            }
            if has_words {
                arguments.gt_token.spans = arguments.gt_token.spans.map(hygienic);
            }
        }
        _ => {}
    }
}

fn is_one_of(ty: &Type, names: &[&str]) -> bool {
    let Type::Path(path) = bare(ty) else { return false };
    path.path.segments.last().is_some_and(|last| names.iter().any(|name| last.ident == name))
}

//! The expansion: the rewritten function and the function with the user's body.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{FnArg, Pat, ReturnType, Signature, Type, TypeParamBound, Visibility};

use crate::item::AnnotatedFunction;
use crate::item::ReceiverKind;
use crate::item::lifetime_of_the_impl;
use crate::item::says_impl;
use crate::kept_attributes::BodyPlace;
use crate::kept_attributes::in_their_places;
use crate::kept_attributes::is_deprecated;
use crate::kept_attributes::of_the_body;
use crate::kept_attributes::of_the_call;
use crate::kept_attributes::of_the_name;
use crate::options::Options;
use crate::plan::Plan;
use crate::plan::hygienic;
use crate::signature::make_static;
use crate::type_walk::TypePart;
use crate::type_walk::walk_type;
use crate::valid_types::borrows;

/// ```text
/// #[pooled(workers = 5)]
/// pub fn fetch(url: &str) -> Result<T, E> { body }
///
/// pub fn fetch(url: impl ArgRef<str, E>) -> AsyncValue<Result<T, E>> {
///     fn __asynctools_fetch(url: &str) -> Result<T, E> { body }
///     Call::<E, ()>::new(&FUNCTION, POOL.get())
///         .try_run1(arg_ref::<str, E, _>(url), |input0| __asynctools_fetch(input0.borrow()))
/// }
/// ```
///
/// A method's body stands beside the rewritten function, because `self`, `Self` and the generics of the impl have no
/// meaning in an inner function. With `sync`, the body stands beside too:
///
/// ```text
/// #[pooled]
/// fn size(&self) -> usize { body }
///
/// fn size(&self) -> AsyncValue<usize> {
///     on_the_default_pool::<Infallible>(&FUNCTION)
///         .run1(plain::<_, Infallible>(self.clone_self()), |this| Self::__asynctools_size(&this))
/// }
/// fn __asynctools_size(&self) -> usize { body }
/// ```
pub(crate) fn expand(function: &AnnotatedFunction, options: &Options) -> TokenStream {
    let mut plan = Plan::new(function, options);
    if plan.body_place == BodyPlace::Kept && is_deprecated(function) {
        plan = plan.with_deprecated_name();
    }
    plan.assemble(&plan.body_call())
}

impl Plan<'_> {
    /// Writes the rewritten function around `body_call`, and the original function in its place.
    pub(crate) fn assemble(&self, body_call: &TokenStream) -> TokenStream {
        let original = self.original();
        let (inside, beside) = match self.body_place {
            BodyPlace::Inside => (Some(original), None),
            BodyPlace::Hidden | BodyPlace::Kept => (None, Some(original)),
        };
        let kept = self.kept_name();
        let attrs = self.documented(of_the_call(self.function, self.body_place), &self.runs_on());
        let vis = &self.function.vis;
        let signature = self.signature();
        let span = self.name_span;
        // rustc never reports a function as dead whose braces come from a macro, so the braces have the span of the
        // user's.
        let mut block = Group::new(Delimiter::Brace, quote!(#inside #body_call));
        block.set_span(self.function.body.span());
        let (attrs, block) = in_their_places(&attrs, &block);
        let quiet = self.exports_impl_trait().then(|| {
            let reason = "an argument is a value or a handle";
            quote_spanned!(span=> #[allow(clippy::impl_trait_in_params, reason = #reason)])
        });
        quote_spanned! {span=>
            #quiet
            #(#attrs)*
            #[track_caller]
            #vis #signature #block
            #beside
            #kept
        }
    }

    /// Returns whether clippy may have words for an `impl Trait` that only the macro wrote.
    fn exports_impl_trait(&self) -> bool {
        self.function.takes_handles() && !matches!(self.function.vis, Visibility::Inherited)
    }

    /// Writes the function with the user's body, token for token.
    fn original(&self) -> TokenStream {
        let attrs = of_the_body(self.function, self.body_place);
        let hidden = (self.body_place == BodyPlace::Hidden).then(|| quote_spanned!(self.name_span=> #[doc(hidden)]));
        let (attrs, body) = in_their_places(&attrs, &self.function.body);
        let docs = (self.body_place == BodyPlace::Kept).then(|| self.docs_of_sync());
        let vis = if self.body_place == BodyPlace::Kept { self.quiet_visibility() } else { Visibility::Inherited };
        let (mut sig, lints) = (self.quiet_signature(), self.quiet_lints());
        sig.ident = self.body_name.clone();
        self.capture_no_borrow(&mut sig);
        self.borrow_from_no_argument(&mut sig);
        self.elide_undeclared(&mut sig);
        quote_spanned! {self.name_span=>
            #hidden
            #lints
            #docs
            #(#attrs)*
            #vis #sig #body
        }
    }

    /// Writes the function that `sync` names, if the body is elsewhere.
    fn kept_name(&self) -> Option<TokenStream> {
        let sync = self.options.sync.as_ref().filter(|_| self.body_place == BodyPlace::Hidden)?;
        let attrs = of_the_name(self.function);
        let (attrs, _) = in_their_places(&attrs, &self.function.body);
        let vis = self.quiet_visibility();
        let mut sig = Signature { ident: sync.name.clone(), ..self.quiet_signature() };
        self.capture_no_borrow(&mut sig);
        let mut passed = Vec::new();
        let mut names = self.names.iter();
        for input in &mut sig.inputs {
            match input {
                FnArg::Receiver(receiver) => {
                    receiver.mutability = receiver.mutability.filter(|_| receiver.reference.is_some());
                    passed.push(receiver.self_token.to_token_stream());
                }
                FnArg::Typed(param) => {
                    let name = names.next().map(ToTokens::to_token_stream);
                    *param.pat = Pat::Verbatim(name.clone().unwrap_or_default());
                    passed.extend(name);
                }
            }
        }
        let (docs, body) = (self.docs_of_sync(), self.body_path());
        Some(quote_spanned!(self.name_span=> #docs #(#attrs)* #vis #sig { #body(#(#passed),*) }))
    }

    /// Writes `'static` for each lifetime that a refused result leaves out, if no argument borrows: rustc would refuse the
    /// result once more.
    fn borrow_from_no_argument(&self, sig: &mut Signature) {
        let ReturnType::Type(_, output) = &mut sig.output else { return };
        let borrows = |input: &FnArg| match input {
            FnArg::Receiver(receiver) => matches!(
                ReceiverKind::of(receiver),
                ReceiverKind::Reference | ReceiverKind::MutableReference | ReceiverKind::Other
            ),
            FnArg::Typed(param) => borrows(&param.ty),
        };
        if self.refused && !self.function.sig.inputs.iter().any(borrows) {
            walk_type(output, &mut |part| {
                if let TypePart::Elided(_) | TypePart::Path(_) = part {
                    make_static(part);
                }
            });
        }
    }

    /// Leaves out the refused lifetimes that no `impl` need have: rustc would refuse them once more in a free function.
    fn elide_undeclared(&self, sig: &mut Signature) {
        if !self.refused || self.function.receiver().is_some() || self.function.output().is_some_and(borrows) {
            return;
        }
        for input in &mut sig.inputs {
            if lifetime_of_the_impl(input, &self.function.sig).is_some()
                && let FnArg::Typed(param) = input
                && let Type::Reference(reference) = &mut *param.ty
            {
                reference.lifetime = None;
            }
        }
    }

    /// ```text
    /// fn f<T>(text: &str, t: T) -> impl Display
    /// fn f<T>(text: &str, t: T) -> impl Display + use<T>
    /// ```
    ///
    /// Since edition 2024 an `impl Trait` borrows from every reference among the arguments, unless `use<..>` says
    /// otherwise. In an impl `use<..>` would have to name generics that the macro cannot see, and beside an `impl
    /// Trait` parameter rustc refuses it.
    fn capture_no_borrow(&self, sig: &mut Signature) {
        let ReturnType::Type(_, output) = &mut sig.output else { return };
        let nameless = || self.function.params.iter().any(|param| says_impl(&param.syntax.ty));
        if self.refused || self.in_impl || !self.function.borrows() || !says_impl(output) || nameless() {
            return;
        }
        let generics = self.generics();
        let says = |bound: &TypeParamBound| matches!(bound, TypeParamBound::PreciseCapture(_));
        walk_type(output, &mut |part| {
            if let TypePart::Impl(Type::ImplTrait(opaque)) = part
                && !opaque.bounds.iter().any(says)
            {
                let captures = quote_spanned!(hygienic(opaque.impl_token.span)=> use<#(#generics),*>);
                opaque.bounds.extend(syn::parse2::<TypeParamBound>(captures));
            }
        });
    }
}

//! The expansion: the rewritten function and the function with the user's body.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, ReturnType, Signature, Type, TypeParamBound, Visibility};

use crate::item::AnnotatedFunction;
use crate::item::Passing;
use crate::item::ReceiverKind;
use crate::item::bare;
use crate::item::says_impl;
use crate::kept_attributes::BodyPlace;
use crate::kept_attributes::in_their_places;
use crate::kept_attributes::is_deprecated;
use crate::kept_attributes::of_the_body;
use crate::kept_attributes::of_the_call;
use crate::kept_attributes::sets_level;
use crate::options::Options;
use crate::plan::Plan;
use crate::plan::hygienic;
use crate::type_walk::TypePart;
use crate::type_walk::walk_type;

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
///     Call::<Infallible, ()>::new(&FUNCTION, Pool::global())
///         .run1(plain::<_, Infallible>(self.clone_self()), |this| Self::__asynctools_size(&this))
/// }
/// fn __asynctools_size(&self) -> usize { body }
/// ```
pub(crate) fn expand(function: &AnnotatedFunction, options: &Options) -> TokenStream {
    let plan = Plan::new(function, options);
    plan.assemble(&plan.body_call())
}

/// No `clippy.toml` sets the limit of `too_many_arguments` below this number of parameters.
const FEW_PARAMETERS: usize = 2;

fn says_box(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Box"))
}

impl Plan<'_> {
    /// Writes the rewritten function around `body_call`, and the original function in its place.
    pub(crate) fn assemble(&self, body_call: &TokenStream) -> TokenStream {
        let original = self.original();
        let (inside, beside) = match self.body_place {
            BodyPlace::Inside => (Some(original), None),
            BodyPlace::Hidden | BodyPlace::Kept => (None, Some(original)),
        };
        let attrs = of_the_call(self.function, self.body_place);
        let vis = &self.function.vis;
        let signature = self.signature();
        let span = self.name_span;
        let calls_deprecated = self.body_place == BodyPlace::Kept && is_deprecated(self.function);
        let deprecated = calls_deprecated.then(|| {
            let reason = "the original is deprecated because this function is";
            quote_spanned!(span=> #[allow(deprecated, reason = #reason)])
        });
        // rustc never reports a function as dead whose braces come from a macro, so the braces have the span of the
        // user's.
        let mut block = Group::new(Delimiter::Brace, quote!(#inside #body_call));
        block.set_span(self.function.body.span());
        let (attrs, block) = in_their_places(&attrs, &block);
        quote_spanned! {span=>
            #deprecated
            #(#attrs)*
            #[track_caller]
            #vis #signature #block
            #beside
        }
    }

    /// Writes the function with the user's body, token for token.
    fn original(&self) -> TokenStream {
        let AnnotatedFunction { vis, sig, body, .. } = self.function;
        let attrs = of_the_body(self.function, self.body_place);
        let span = self.name_span;
        let lints = self.clippy_lints_to_allow().filter(|lint| !sets_level(self.function, &format!("clippy::{lint}")));
        let lints = lints.map(|lint| Ident::new(lint, span));
        let hidden = (self.body_place == BodyPlace::Hidden).then(|| {
            let reason = "the function that it is the body of is the one to be called dead";
            quote_spanned!(span=> #[doc(hidden)] #[allow(dead_code, reason = #reason)])
        });
        let (attrs, body) = in_their_places(&attrs, body);
        let vis = if self.body_place == BodyPlace::Kept { vis } else { &Visibility::Inherited };
        let mut sig = Signature { ident: self.body_name.clone(), ..sig.clone() };
        self.capture_no_borrow(&mut sig);
        quote_spanned! {span=>
            #hidden
            #[allow(#(clippy::#lints,)* reason = "the arguments of a call move to another thread")]
            #(#attrs)*
            #vis #sig #body
        }
    }

    /// Returns the lints of clippy that do not apply to the body's signature: its arguments move to another thread, or
    /// the lint fires for the rewritten function too. Lints that cannot fire for this function are left out, because
    /// each costs the compiler time.
    fn clippy_lints_to_allow(&self) -> impl Iterator<Item = &'static str> {
        let AnnotatedFunction { sig, params, .. } = self.function;
        let receives = self.function.receiver().map(ReceiverKind::of);
        let borrows = self.function.borrows();
        let takes = params.iter().any(|param| !matches!(param.passing, Passing::ByReference(_)));
        let boxes =
            params.iter().any(|param| says_box(&param.syntax.ty)) || matches!(receives, Some(ReceiverKind::Box));
        let lints = [
            ("boxed_local", boxes),
            ("large_types_passed_by_value", takes || matches!(receives, Some(ReceiverKind::Value))),
            ("missing_const_for_fn", true),
            ("needless_pass_by_value", takes || matches!(receives, Some(ReceiverKind::Value | ReceiverKind::Arc))),
            ("too_many_arguments", sig.inputs.len() > FEW_PARAMETERS),
            ("too_many_lines", true),
            ("trivially_copy_pass_by_ref", borrows || matches!(receives, Some(ReceiverKind::Reference))),
            ("unnecessary_wraps", self.output_last.is_some()),
            ("unused_self", receives.is_some()),
        ];
        lints.into_iter().filter(|(_, speaks)| *speaks).map(|(lint, _)| lint)
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

//! The rewritten function, from the model.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::{FnArg, Ident, ReturnType, Signature, Type, TypeParamBound, Visibility};

use crate::args::Args;
use crate::args::Attribute;
use crate::attrs::Home;
use crate::attrs::is_deprecated;
use crate::attrs::of_the_body;
use crate::attrs::of_the_call;
use crate::attrs::sets_level;
use crate::model::Form;
use crate::model::Function;
use crate::model::Receives;
use crate::model::bare;
use crate::model::says_impl;
use crate::plan::Plan;
use crate::plan::at;
use crate::walk::Part;
use crate::walk::walk_type;

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
/// The body moves out of the function where only outside of it `self`, `Self` and the generics of the impl mean what they
/// say, and where `sync` wants it:
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
pub(crate) fn expand(function: &Function, args: &Args) -> TokenStream {
    let plan = Plan::new(function, args);
    plan.assemble(&plan.work())
}

/// ```text
/// #[pooled]
/// fn f(#[cfg(p)] a: A) { body }
///
/// #[cfg(all(p))] #[pooled] fn f(a: A) { body }
/// #[cfg(not(all(p)))] #[pooled] fn f() { body }
/// ```
///
/// An argument of a call cannot be there on a condition, so the condition moves to the function.
pub(crate) fn split(function: &Function, args: &Args, input: usize) -> TokenStream {
    let Function { attrs, vis, sig, body, .. } = function;
    let plan = Plan::new(function, args);
    let runtime = plan.runtime(plan.name_span);
    let options = &args.tokens;
    let attribute = match args.attribute {
        Attribute::Parallel => quote!(#runtime::parallel(#options)),
        Attribute::Pooled => quote!(#runtime::pooled(#options)),
    };
    let mut with = sig.clone();
    let of_the_input = match &mut with.inputs[input] {
        FnArg::Receiver(receiver) => &mut receiver.attrs,
        FnArg::Typed(param) => &mut param.attrs,
    };
    let (conditions, others): (Vec<_>, Vec<_>) =
        std::mem::take(of_the_input).into_iter().partition(|attr| attr.path().is_ident("cfg"));
    *of_the_input = others;
    let mut without = sig.clone();
    let inputs = without.inputs.into_iter().enumerate();
    without.inputs = inputs.filter(|(index, _)| *index != input).map(|(_, kept)| kept).collect();
    let lists = conditions.iter().filter_map(|attr| attr.meta.require_list().ok());
    let conditions = lists.map(|list| &list.tokens);
    let holds = quote!(all(#(#conditions),*));
    quote! {
        #[cfg(#holds)] #[#attribute] #(#attrs)* #vis #with #body
        #[cfg(not(#holds))] #[#attribute] #(#attrs)* #vis #without #body
    }
}

/// So many parameters are few to everybody.
const FEW: usize = 2;

fn says_box(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Box"))
}

impl Plan<'_> {
    /// Puts the rewritten function around `work`, and the body where it belongs.
    pub(crate) fn assemble(&self, work: &TokenStream) -> TokenStream {
        let original = self.original();
        let (inside, beside) = match self.home {
            Home::Inside => (Some(original), None),
            Home::Hidden | Home::Kept => (None, Some(original)),
        };
        let attrs = of_the_call(self.function, self.home);
        let vis = &self.function.vis;
        let head = self.head();
        let span = self.name_span;
        let calls_deprecated = self.home == Home::Kept && is_deprecated(self.function);
        let deprecated = calls_deprecated.then(|| {
            let reason = "the original is deprecated because this function is";
            quote_spanned!(span=> #[allow(deprecated, reason = #reason)])
        });
        // rustc takes a function whose braces are not the user's for one that nobody wrote, and
        // never calls it dead.
        let mut block = Group::new(Delimiter::Brace, quote!(#inside #work));
        block.set_span(self.function.body.span());
        quote_spanned! {span=>
            #deprecated
            #(#attrs)*
            #[track_caller]
            #vis #head #block
            #beside
        }
    }

    /// The function that has the body, token for token.
    fn original(&self) -> TokenStream {
        let Function { vis, sig, body, .. } = self.function;
        let attrs = of_the_body(self.function, self.home);
        let span = self.name_span;
        let lints = self.not_of_the_body().filter(|lint| !sets_level(self.function, &format!("clippy::{lint}")));
        let lints = lints.map(|lint| Ident::new(lint, span));
        let hidden = (self.home == Home::Hidden).then(|| {
            let reason = "the function that it is the body of is the one to be called dead";
            quote_spanned!(span=> #[doc(hidden)] #[allow(dead_code, reason = #reason)])
        });
        let vis = if self.home == Home::Kept { vis } else { &Visibility::Inherited };
        let mut sig = Signature { ident: self.body_name.clone(), ..sig.clone() };
        self.capture_no_borrow(&mut sig);
        quote_spanned! {span=>
            #hidden
            #[allow(#(clippy::#lints,)* reason = "the arguments of a call move to another thread")]
            #(#attrs)*
            #vis #sig #body
        }
    }

    /// Lints of clippy that are not for the body's signature: it suits a call, whose arguments move to another thread, or the
    /// rewritten function has the same fault and says so. Only those that could speak of this function: each costs the compiler
    /// time.
    fn not_of_the_body(&self) -> impl Iterator<Item = &'static str> {
        let Function { sig, params, .. } = self.function;
        let receives = self.function.receiver().map(Receives::of);
        let borrows = self.function.borrows();
        let takes = params.iter().any(|param| !matches!(param.form, Form::Borrowed(_)));
        let boxes = params.iter().any(|param| says_box(&param.syntax.ty)) || matches!(receives, Some(Receives::Box));
        let lints = [
            ("boxed_local", boxes),
            ("large_types_passed_by_value", takes || matches!(receives, Some(Receives::Value))),
            ("missing_const_for_fn", true),
            ("needless_pass_by_value", takes || matches!(receives, Some(Receives::Value | Receives::Arc))),
            ("too_many_arguments", sig.inputs.len() > FEW),
            ("too_many_lines", true),
            ("trivially_copy_pass_by_ref", borrows || matches!(receives, Some(Receives::Reference))),
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
    /// Since the edition of 2024 an `impl Trait` borrows from every argument that is a borrow, unless it says this. In an impl
    /// it would have to name generics that are not to be seen, and beside an `impl Trait` parameter it may not be said.
    fn capture_no_borrow(&self, sig: &mut Signature) {
        let ReturnType::Type(_, output) = &mut sig.output else { return };
        let nameless = || self.function.params.iter().any(|param| says_impl(&param.syntax.ty));
        if self.refused || self.function.in_impl || !self.function.borrows() || !says_impl(output) || nameless() {
            return;
        }
        let generics = self.generics();
        let says = |bound: &TypeParamBound| matches!(bound, TypeParamBound::PreciseCapture(_));
        walk_type(output, &mut |part| {
            if let Part::Impl(Type::ImplTrait(opaque)) = part
                && !opaque.bounds.iter().any(says)
            {
                let captures = quote_spanned!(at(opaque.impl_token.span)=> use<#(#generics),*>);
                opaque.bounds.extend(syn::parse2::<TypeParamBound>(captures));
            }
        });
    }
}

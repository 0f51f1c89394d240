//! Every refusal of a function: what was found, the rule, and the way out.

use syn::{Error, FnArg, Receiver, Result, WherePredicate};

use crate::conditional::applied;
use crate::error::Mistakes;
use crate::error::bail;
use crate::error::err;
use crate::item::AnnotatedFunction;
use crate::item::AnnotatedItem;
use crate::item::OtherItem;
use crate::item::OtherItemKind;
use crate::item::ReceiverKind;
use crate::item::lifetime_of_the_impl;
use crate::kept_attributes::exports;
use crate::kept_attributes::makes_a_test;
use crate::options::Options;
use crate::type_walk::TypePart;
use crate::type_walk::walk_bounds;
use crate::type_walk::walk_predicate;
use crate::valid_options::check_options;
use crate::valid_types::check_output;
use crate::valid_types::check_param;
use crate::written::as_written;

const MOST_PARAMETERS: usize = 12;

/// The mistakes in the options, and those in the item.
pub(crate) struct Verdict {
    pub(crate) in_options: Option<Error>,
    pub(crate) in_item: Option<Error>,
}

pub(crate) fn check(options: &Options, item: &AnnotatedItem) -> Verdict {
    match item {
        AnnotatedItem::Function(function) => Verdict {
            in_options: check_options(options, function).or(options.mistakes.clone()),
            in_item: check_function(function),
        },
        // rustc reports its own error there, and a second one would repeat it.
        AnnotatedItem::Other(OtherItem { kind: OtherItemKind::Code, .. }) => {
            Verdict { in_options: None, in_item: None }
        }
        AnnotatedItem::Other(other) => {
            Verdict { in_options: options.mistakes.clone(), in_item: Some(check_other(options, other)) }
        }
    }
}

fn check_other(options: &Options, other: &OtherItem) -> Error {
    let name = options.attribute.name();
    match &other.kind {
        OtherItemKind::Unread(error) => Error::new(
            error.span(),
            format!(
                "`{name}` cannot read this signature ({error}); write `dyn` before a trait object, as in `Box<dyn Fn(u8)>`"
            ),
        ),
        OtherItemKind::Bodiless => err!(
            other.tokens,
            "`{name}` needs a function with a body, and this one is only declared; annotate an inherent method, and let the implementation of the trait call that one"
        ),
        OtherItemKind::Named(found) => {
            let way = match *found {
                "an `impl` block" => "each method that is to run as a call",
                "a trait" | "an `impl` of a trait" => "an inherent method, which a method of the trait can call",
                "a module" => "each function in it that is to run as a call",
                _ => "the function that is to run as a call",
            };
            err!(other.tokens, "`{name}` goes on a function, found {found}; put it on {way}")
        }
        OtherItemKind::Code => err!(other.tokens, "`{name}` goes on a function"),
    }
}

pub(crate) fn check_function(function: &AnnotatedFunction) -> Option<Error> {
    // A function of the wrong kind is one mistake. Refusals of its parts would repeat that.
    if let Err(mistake) = check_kind(function) {
        return Some(mistake);
    }
    let mut mistakes = Mistakes::default();
    mistakes.keep(check_attributes(function));
    if let Some(receiver) = function.receiver() {
        mistakes.keep(check_receiver(receiver));
    }
    for param in &function.params {
        mistakes.keep(check_param(param));
    }
    if let Some(param) = function.params.get(MOST_PARAMETERS) {
        mistakes.add(err!(
            param.syntax,
            "a call takes at most {MOST_PARAMETERS} arguments, and this is one more; put some of them into a struct"
        ));
    }
    check_lifetimes(function, &mut mistakes);
    mistakes.keep(check_output(function));
    check_bounds(function, &mut mistakes);
    mistakes.into_error()
}

fn check_kind(function: &AnnotatedFunction) -> Result<()> {
    let sig = &function.sig;
    if let Some(word) = &sig.constness {
        bail!(word, "a `const fn` may run at compile time, when there are no threads; remove `const`");
    }
    if let Some(word) = &sig.asyncness {
        bail!(
            word,
            "an `async fn` does not block and needs no thread; await it, or remove `async` and block in the body"
        );
    }
    if let Some(word) = &sig.unsafety {
        bail!(
            word,
            "an `unsafe fn` needs a caller who upholds its contract, and a pool thread cannot; annotate a safe function that calls it"
        );
    }
    if let Some(variadic) = &sig.variadic {
        bail!(
            variadic,
            "a variadic function cannot be a call, which owns each of its arguments; annotate a plain `fn` that calls it"
        );
    }
    if let Some(abi) = &sig.abi {
        bail!(
            abi,
            "a function with an ABI of its own cannot be a call, whose caller must be Rust; annotate a plain `fn` that calls it"
        );
    }
    if function.is_main() {
        bail!(
            sig.ident,
            "`main` is the program and cannot be a call in it; move the work to another function and annotate that"
        );
    }
    Ok(())
}

fn check_attributes(function: &AnnotatedFunction) -> Result<()> {
    for attr in &function.attrs {
        let found = applied(attr).path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if exports(attr) {
            bail!(
                attr,
                "an exported symbol keeps its signature, and the attribute changes it; export another function, which calls this one"
            );
        }
        if matches!(found.as_str(), "parallel" | "pooled" | "celery") {
            bail!(attr, "`#[{found}]` is a second way to run the same call; keep one of the two attributes");
        }
        if makes_a_test(attr) {
            let written = as_written(applied(attr).path());
            bail!(
                attr,
                "`#[{written}]` waits for the function to return, and a call returns a handle at once; write a plain test that calls an annotated function"
            );
        }
        if found == "target_feature" {
            bail!(
                attr,
                "a function with `#[target_feature]` needs a caller who knows the processor, and a pool thread does not; annotate a function that asks for the feature and calls this one"
            );
        }
    }
    Ok(())
}

fn check_receiver(receiver: &Receiver) -> Result<()> {
    let written = as_written(receiver);
    match ReceiverKind::of(receiver) {
        ReceiverKind::MutableReference => bail!(
            receiver,
            "`{written}` would borrow across threads; take `self` and give it back, or share it by `self: Arc<Self>` and a `Mutex`"
        ),
        ReceiverKind::Other => bail!(
            receiver,
            "`{written}` cannot go to another thread with a call; write `self`, `&self`, `self: Box<Self>` or `self: Arc<Self>`"
        ),
        ReceiverKind::Value
        | ReceiverKind::Reference
        | ReceiverKind::StaticReference
        | ReceiverKind::Box
        | ReceiverKind::Arc => Ok(()),
    }
}

/// Refuses `&'a self` and `&'a T` with a lifetime of the `impl`: what a call lends to the body lives as long as the call.
fn check_lifetimes(function: &AnnotatedFunction, mistakes: &mut Mistakes) {
    for input in &function.sig.inputs {
        let Some((lifetime, borrowed)) = lifetime_of_the_impl(input, &function.sig) else { continue };
        let elided = match input {
            FnArg::Receiver(_) => "self".to_owned(),
            FnArg::Typed(_) => as_written(borrowed),
        };
        mistakes.add(err!(
            lifetime,
            "the function does not declare `{lifetime}`, and a lifetime of the `impl` ends before the call does; write `&{elided}`"
        ));
    }
}

fn check_bounds(function: &AnnotatedFunction, mistakes: &mut Mistakes) {
    let generics = &function.sig.generics;
    for param in generics.type_params() {
        mistakes.keep(check_bound(|visit| walk_bounds(&mut param.bounds.clone(), visit)));
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let WherePredicate::Type(predicate) = predicate {
            mistakes.keep(check_bound(|visit| walk_predicate(&mut predicate.clone(), visit)));
        }
    }
}

fn check_bound(walk: impl FnOnce(&mut dyn FnMut(TypePart<'_>))) -> Result<()> {
    let mut found = None;
    walk(&mut |part| {
        if let TypePart::Named(lifetime) = part {
            found.get_or_insert(lifetime.clone());
        }
    });
    let Some(lifetime) = found else { return Ok(()) };
    bail!(
        lifetime,
        "`{lifetime}` is in a bound, and the call outlives every borrow of its caller; write `'static`, or the bound under `for<{lifetime}>`"
    );
}

//! Every refusal of a function: what was found, the rule, and the way out.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, Expr, Pat, Receiver, Result, Type, WherePredicate};

use crate::conditional::applied;
use crate::error::Mistakes;
use crate::error::bail;
use crate::error::err;
use crate::item::AnnotatedFunction;
use crate::item::AnnotatedItem;
use crate::item::OtherItem;
use crate::item::OtherItemKind;
use crate::item::Param;
use crate::item::Passing;
use crate::item::ReceiverKind;
use crate::item::bare;
use crate::kept_attributes::exports;
use crate::option_value::SyncName;
use crate::options::Options;
use crate::options::RunsOn;
use crate::type_walk::TypePart;
use crate::type_walk::walk_bounds;
use crate::type_walk::walk_predicate;
use crate::type_walk::walk_type;

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

/// Returns whether the macro refuses the type of this parameter.
pub(crate) fn refuses(param: &Param) -> bool {
    check_param(param).is_err()
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
            "`{name}` needs a function with a body, and this one is only declared; put it on the function that does the work"
        ),
        OtherItemKind::Named(found) => {
            let way = match *found {
                "an `impl` block" | "a trait" => "each method that is to run as a call",
                "a module" => "each function in it that is to run as a call",
                _ => "the function that is to run as a call",
            };
            err!(other.tokens, "`{name}` goes on a function, found {found}; put it on {way}")
        }
        OtherItemKind::Code => err!(other.tokens, "`{name}` goes on a function"),
    }
}

/// Checks the options against this function.
fn check_options(options: &Options, function: &AnnotatedFunction) -> Option<Error> {
    let mut mistakes = Mistakes::default();
    if let Some(SyncName { name, .. }) = &options.sync
        && *name == function.sig.ident
    {
        mistakes.add(err!(
            name,
            "`sync` keeps the blocking original beside the call, so it needs a name of its own; write `sync = {name}_now`"
        ));
    }
    if let RunsOn::Own { workers, queue } = &options.runs_on {
        mistakes.keep(check_static("workers", workers, function));
        if let Some(queue) = queue {
            mistakes.keep(check_static("queue", &queue.limit, function));
        }
    }
    mistakes.into_error()
}

/// Refuses a name that a `static` surely cannot see. rustc refuses the names that tokens do not show.
fn check_static(option: &str, value: &Expr, function: &AnnotatedFunction) -> Result<()> {
    if says_receiver(value.to_token_stream()) {
        bail!(
            value,
            "`{option}` is evaluated once, for all calls, and sees no `self`; give each value its own pool and write `pool = self.pool`"
        );
    }
    let Expr::Path(path) = value else { return Ok(()) };
    let Some(name) = path.path.get_ident() else { return Ok(()) };
    let is_param =
        function.params.iter().any(|param| matches!(&*param.syntax.pat, Pat::Ident(pat) if pat.ident == *name));
    let is_generic = function.sig.generics.const_params().any(|param| param.ident == *name);
    if is_param || is_generic {
        let found = if is_param { "parameter" } else { "generic" };
        bail!(
            value,
            "`{option}` is evaluated once, for all calls, and sees no {found} `{name}`; write a constant, or a function without arguments"
        );
    }
    Ok(())
}

/// Returns whether the tokens contain `self` as a value, not as the start of a path.
fn says_receiver(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match token {
            TokenTree::Ident(word) if word == "self" => {
                !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':')
            }
            TokenTree::Group(group) => says_receiver(group.stream()),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
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
        ReceiverKind::Value | ReceiverKind::Reference | ReceiverKind::Box | ReceiverKind::Arc => Ok(()),
    }
}

fn check_param(param: &Param) -> Result<()> {
    let ty = bare(&param.syntax.ty);
    if let Type::Reference(reference) = ty
        && reference.mutability.is_some()
    {
        bail!(
            ty,
            "`&mut` would borrow across threads; take the value and give it back, or share it in an `Arc<Mutex<_>>`"
        );
    }
    if let Passing::ByReference(borrowed) = &param.passing {
        if let Type::ImplTrait(_) = &**borrowed {
            bail!(ty, "`&impl Trait` does not say what a call is to own; take `impl Trait` by value");
        }
        if let Some(found) = borrow_in(borrowed) {
            bail!(
                found,
                "a borrow inside of a borrowed argument ends before the call does; take owned parts, such as `&[String]` for `&[&str]`"
            );
        }
    } else if let Some(found) = borrow_in(ty) {
        bail!(
            found,
            "a borrowed argument ends before the call does; take an owned type, a plain `&T`, which is copied, or `'static`"
        );
    }
    Ok(())
}

fn check_output(function: &AnnotatedFunction) -> Result<()> {
    if let Some(found) = function.output().and_then(borrow_in) {
        bail!(
            found,
            "the result borrows, and the call outlives what its caller lent; return an owned value, such as `String` for `&str`"
        );
    }
    Ok(())
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

/// Returns the first borrow that the type shows: a reference, or a lifetime that is an argument.
fn borrow_in(ty: &Type) -> Option<TokenStream> {
    let mut found = None;
    walk_type(&mut ty.clone(), &mut |part| {
        let borrow = match part {
            TypePart::Elided(reference) => reference.to_token_stream(),
            TypePart::Named(lifetime) => lifetime.to_token_stream(),
            TypePart::Impl(_) => return,
        };
        found.get_or_insert(borrow);
    });
    found
}

/// Returns the tokens with the blanks of rustfmt.
fn as_written(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    text.replace(" :", ":").replace("& ", "&").replace(" < ", "<").replace(" >", ">").replace(": :", "::")
}

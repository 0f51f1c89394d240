//! Every refusal of a function: what was found, the rule, and the way out.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Error, Expr, Pat, Receiver, Result, Type, WherePredicate};

use crate::args::Args;
use crate::args::On;
use crate::attrs::exports;
use crate::error::Mistakes;
use crate::error::bail;
use crate::error::err;
use crate::model::Form;
use crate::model::Function;
use crate::model::Item;
use crate::model::Kind;
use crate::model::Other;
use crate::model::Param;
use crate::model::Receives;
use crate::model::bare;
use crate::walk::Part;
use crate::walk::walk_bounds;
use crate::walk::walk_predicate;
use crate::walk::walk_type;

const MOST_PARAMETERS: usize = 12;

/// What is wrong with the options, and what with the item.
pub(crate) struct Verdict {
    pub(crate) options: Option<Error>,
    pub(crate) item: Option<Error>,
}

pub(crate) fn check(args: &Args, item: &Item) -> Verdict {
    match item {
        Item::Function(function) => {
            Verdict { options: check_options(args, function).or(args.mistakes.clone()), item: check_function(function) }
        }
        // A second error beside rustc's own would only repeat it.
        Item::Other(Other { kind: Kind::Code, .. }) => Verdict { options: None, item: None },
        Item::Other(other) => Verdict { options: args.mistakes.clone(), item: Some(check_other(args, other)) },
    }
}

/// Whether the type of this parameter is refused.
pub(crate) fn refuses(param: &Param) -> bool {
    check_param(param).is_err()
}

fn check_other(args: &Args, other: &Other) -> Error {
    let name = args.attribute.name();
    match &other.kind {
        Kind::Unread(error) => error.clone(),
        Kind::Bodiless => err!(
            other.tokens,
            "`{name}` needs a function with a body, and this one is only declared; put it on the function that does the work"
        ),
        Kind::Named(found) => {
            let way = match *found {
                "an `impl` block" | "a trait" => "each method that is to run as a call",
                "a module" => "each function in it that is to run as a call",
                _ => "the function that is to run as a call",
            };
            err!(other.tokens, "`{name}` goes on a function, found {found}; put it on {way}")
        }
        Kind::Code => err!(other.tokens, "`{name}` goes on a function"),
    }
}

/// What the options ask of this very function.
fn check_options(args: &Args, function: &Function) -> Option<Error> {
    let mut mistakes = Mistakes::default();
    if let Some(sync) = &args.sync
        && *sync == function.sig.ident
    {
        mistakes.add(err!(
            sync,
            "`sync` keeps the blocking original beside the call, so it needs a name of its own; write `sync = {sync}_now`"
        ));
    }
    if let On::Own { workers, queue } = &args.on {
        mistakes.keep(check_static("workers", workers, function));
        if let Some(queue) = queue {
            mistakes.keep(check_static("queue", &queue.limit, function));
        }
    }
    mistakes.into_error()
}

/// Refuses what is sure not to be there in a `static`; what only might be is for rustc to say.
fn check_static(option: &str, value: &Expr, function: &Function) -> Result<()> {
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

/// Whether `self` stands in the tokens as a value, not as the start of a path.
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

fn check_function(function: &Function) -> Option<Error> {
    // A function of the wrong kind is one mistake, whatever else its kind brings along.
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

fn check_kind(function: &Function) -> Result<()> {
    let sig = &function.sig;
    if let Some(word) = &sig.constness {
        bail!(word, "a `const fn` may run at compile time, where no thread is; remove `const`");
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
            "an `unsafe fn` is called by a thread that cannot answer for it; annotate a safe function that calls it"
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

fn check_attributes(function: &Function) -> Result<()> {
    for attr in &function.attrs {
        let found = attr.path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if exports(attr) {
            bail!(
                attr,
                "an exported symbol keeps its signature, and the attribute changes it; export another function, which calls this one"
            );
        }
        if found == "parallel" || found == "pooled" {
            bail!(attr, "`#[{found}]` is a second way to run the same call; keep one of the two attributes");
        }
    }
    Ok(())
}

fn check_receiver(receiver: &Receiver) -> Result<()> {
    let written = described(receiver);
    match Receives::of(receiver) {
        Receives::Mutable => bail!(
            receiver,
            "`{written}` would borrow across threads; take `self` and give it back, or share it by `self: Arc<Self>` and a `Mutex`"
        ),
        Receives::Other => bail!(
            receiver,
            "`{written}` cannot go to another thread with a call; write `self`, `&self`, `self: Box<Self>` or `self: Arc<Self>`"
        ),
        Receives::Value | Receives::Reference | Receives::Box | Receives::Arc => Ok(()),
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
    if let Form::Borrowed(borrowed) = &param.form {
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

fn check_output(function: &Function) -> Result<()> {
    if let Some(found) = function.output().and_then(borrow_in) {
        bail!(
            found,
            "the result borrows, and the call outlives what its caller lent; return an owned value, such as `String` for `&str`"
        );
    }
    Ok(())
}

fn check_bounds(function: &Function, mistakes: &mut Mistakes) {
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

fn check_bound(walk: impl FnOnce(&mut dyn FnMut(Part<'_>))) -> Result<()> {
    let mut found = None;
    walk(&mut |part| {
        if let Part::Named(lifetime) = part {
            found.get_or_insert(lifetime.clone());
        }
    });
    let Some(lifetime) = found else { return Ok(()) };
    bail!(
        lifetime,
        "`{lifetime}` is in a bound, and the call outlives every borrow of its caller; write `'static`, or the bound under `for<{lifetime}>`"
    );
}

/// The first borrow that is written in the type: a reference, or the lifetime of something else.
fn borrow_in(ty: &Type) -> Option<TokenStream> {
    let mut found = None;
    walk_type(&mut ty.clone(), &mut |part| {
        let borrow = match part {
            Part::Elided(reference) => reference.to_token_stream(),
            Part::Named(lifetime) => lifetime.to_token_stream(),
            Part::Impl(_) => return,
        };
        found.get_or_insert(borrow);
    });
    found
}

fn described(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    text.replace(" :", ":").replace("& ", "&").replace(" < ", "<").replace(" >", ">").replace(": :", "::")
}

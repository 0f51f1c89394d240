//! Every refusal of the type of an argument or of a result.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{Path, Result, Type};

use crate::error::bail;
use crate::hidden_lifetime::hides_a_lifetime;
use crate::hidden_lifetime::is_a_guard;
use crate::hidden_lifetime::stays;
use crate::hidden_lifetime::write_static;
use crate::item::AnnotatedFunction;
use crate::item::Param;
use crate::item::Passing;
use crate::item::bare;
use crate::single_thread::single_thread;
use crate::trait_objects::unsendable_object;
use crate::type_walk::TypePart;
use crate::type_walk::walk_type;
use crate::unsized_type::Unsized;
use crate::unsized_type::unsized_type;
use crate::written::as_written;

/// Returns whether the macro refuses the type of this parameter.
pub(crate) fn refuses(param: &Param) -> bool {
    check_param(param).is_err()
}

/// Returns whether the type shows a borrow.
pub(crate) fn borrows(ty: &Type) -> bool {
    borrow_in(ty).is_some()
}

pub(crate) fn check_param(param: &Param) -> Result<()> {
    let ty = bare(&param.syntax.ty);
    if let Some(found) = unsized_type(ty) {
        let (written, ways) = (&found.written, found.instead_of_an_argument());
        bail!(ty, "`{written}` has no size of its own, and an argument is a value; write {ways}");
    }
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
            check_hidden(&found, "the argument", "take")?;
            bail!(
                found.tokens,
                "a borrow inside of a borrowed argument ends before the call does; take owned parts, such as `&[String]` for `&[&str]`"
            );
        }
    } else if let Some(found) = borrow_in(ty) {
        check_hidden(&found, "the argument", "take")?;
        bail!(
            found.tokens,
            "a borrowed argument ends before the call does; take an owned type, such as a struct that owns its fields, a plain `&T`, which is copied, or `'static`"
        );
    }
    check_sendable(ty, "argument")
}

pub(crate) fn check_output(function: &AnnotatedFunction) -> Result<()> {
    let Some(output) = function.output() else { return Ok(()) };
    if let Some(Unsized { written, owned, .. }) = unsized_type(output) {
        let owned = as_written(&owned);
        bail!(output, "`{written}` has no size of its own, and the result is a value; write `{owned}`");
    }
    if let Some(found) = borrow_in(output) {
        check_hidden(&found, "the result", "return")?;
        bail!(
            found.tokens,
            "the result borrows, and the call outlives what its caller lent; return an owned value, such as `String` for `&str`"
        );
    }
    check_sendable(output, "result")
}

/// Refuses a type that cannot go to another thread, as far as tokens show that.
fn check_sendable(ty: &Type, what: &str) -> Result<()> {
    if let Some(found) = unsendable_object(ty) {
        let also = if found.is_error && what == "result" { ", here and where `?` passes the error on" } else { "" };
        bail!(
            found.object,
            "`{}` does not promise `Send`, and the {what} goes to another thread; write `{}`{also}",
            found.written,
            found.sendable
        );
    }
    if let Some(found) = single_thread(ty) {
        bail!(
            found.found,
            "`{}` stays on one thread, and the {what} goes to another; write `{}`",
            found.written,
            found.instead
        );
    }
    Ok(())
}

/// Refuses a borrow that the written type does not show.
fn check_hidden(found: &Borrow, what: &str, verb: &str) -> Result<()> {
    let Some(path) = &found.hidden_in else { return Ok(()) };
    let written = as_written(path);
    if is_a_guard(path) {
        bail!(
            path,
            "`{written}` has a lifetime that is not written: {what} lends a value out of a lock, and the call outlives what its caller lent; {verb} the lock itself, such as an `Arc<Mutex<_>>`"
        );
    }
    let mut forever = path.clone();
    write_static(&mut forever, Span::call_site());
    let forever = if stays(path) { String::new() } else { format!(", or `{}`", as_written(&forever)) };
    bail!(
        path,
        "`{written}` has a lifetime that is not written: {what} borrows, and the call outlives what its caller lent; {verb} an owned type, such as a struct that owns its fields{forever}"
    );
}

/// A borrow that a type shows.
struct Borrow {
    tokens: TokenStream,
    /// The path that leaves its lifetime out.
    hidden_in: Option<Path>,
}

/// Returns the first borrow that the type shows: a reference, a lifetime that is an argument, or a path that leaves such a
/// lifetime out.
fn borrow_in(ty: &Type) -> Option<Borrow> {
    let mut found = None;
    walk_type(&mut ty.clone(), &mut |part| {
        let (tokens, hidden_in) = match part {
            TypePart::Elided(reference) => (reference.to_token_stream(), None),
            TypePart::Named(lifetime) => (lifetime.to_token_stream(), None),
            TypePart::Path(path) if hides_a_lifetime(path) => (path.to_token_stream(), Some(path.clone())),
            TypePart::Path(_) | TypePart::Impl(_) => return,
        };
        found.get_or_insert(Borrow { tokens, hidden_in });
    });
    found
}

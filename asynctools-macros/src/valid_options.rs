//! Every refusal of an option for the sake of the function under it.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Error, Expr, Pat, Result};

use crate::error::Mistakes;
use crate::error::bail;
use crate::error::err;
use crate::item::AnnotatedFunction;
use crate::option_value::SyncName;
use crate::options::Options;
use crate::options::RunsOn;

/// Checks the options against this function.
pub(crate) fn check_options(options: &Options, function: &AnnotatedFunction) -> Option<Error> {
    let mut mistakes = Mistakes::default();
    if let Some(SyncName { name, .. }) = &options.sync
        && name.unraw() == function.sig.ident.unraw()
    {
        mistakes.add(err!(
            name,
            "`sync` keeps the blocking original beside the call, so it needs a name of its own; write `sync = {}_now`",
            name.unraw()
        ));
    }
    match &options.runs_on {
        RunsOn::Own { workers, queue } => {
            mistakes.keep(check_static("workers", workers, function));
            if let Some(queue) = queue {
                mistakes.keep(check_static("queue", &queue.limit, function));
            }
        }
        RunsOn::Pool(pool) => {
            mistakes.keep(check_pool(pool, function));
        }
        RunsOn::Thread | RunsOn::Global => {}
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
    if let Some((found, name)) = invisible_name(value, function) {
        bail!(
            value,
            "`{option}` is evaluated once, for all calls, and sees no {found} `{name}`; write a constant, or a function without arguments"
        );
    }
    Ok(())
}

/// Refuses a parameter as the pool.
fn check_pool(value: &Expr, function: &AnnotatedFunction) -> Result<()> {
    if let Some((found, name)) = invisible_name(value, function) {
        bail!(
            value,
            "`pool` is evaluated before the arguments of a call are there, and sees no {found} `{name}`; write a `static`, or a field of `self`"
        );
    }
    Ok(())
}

/// Returns the first name in the expression that is a parameter or a generic, with a word for its kind. The search
/// leaves out closures, blocks and arms, which may bind such a name themselves, and the function of a call, which may be
/// an item.
fn invisible_name(value: &Expr, function: &AnnotatedFunction) -> Option<(&'static str, Ident)> {
    let in_any = |mut values: syn::punctuated::Iter<'_, Expr>| values.find_map(|value| invisible_name(value, function));
    match value {
        Expr::Path(path) => {
            let name = path.path.get_ident()?;
            let mut params = function.params.iter().map(|param| &*param.syntax.pat);
            let is_param = params.any(|pattern| matches!(pattern, Pat::Ident(pattern) if pattern.ident == *name));
            let is_generic = function.sig.generics.const_params().any(|param| param.ident == *name);
            let found = if is_param { "parameter" } else { "generic" };
            (is_param || is_generic).then(|| (found, name.clone()))
        }
        Expr::Array(array) => in_any(array.elems.iter()),
        Expr::Binary(pair) => invisible_name(&pair.left, function).or_else(|| invisible_name(&pair.right, function)),
        Expr::Call(call) => in_any(call.args.iter()),
        Expr::Cast(cast) => invisible_name(&cast.expr, function),
        Expr::Field(field) => invisible_name(&field.base, function),
        Expr::Group(group) => invisible_name(&group.expr, function),
        Expr::If(branches) => invisible_name(&branches.cond, function),
        Expr::Index(index) => invisible_name(&index.expr, function).or_else(|| invisible_name(&index.index, function)),
        Expr::Match(arms) => invisible_name(&arms.expr, function),
        Expr::MethodCall(call) => invisible_name(&call.receiver, function).or_else(|| in_any(call.args.iter())),
        Expr::Paren(paren) => invisible_name(&paren.expr, function),
        Expr::Reference(reference) => invisible_name(&reference.expr, function),
        Expr::Unary(unary) => invisible_name(&unary.expr, function),
        _ => None,
    }
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

//! Every refusal of `#[celery]` that the other attributes do not share.

use quote::ToTokens;
use syn::{Error, Pat, Result, ReturnType, Type};

use crate::celery_options::CeleryOptions;
use crate::error::Mistakes;
use crate::error::bail;
use crate::error::err;
use crate::item::AnnotatedFunction;
use crate::item::Param;
use crate::item::bare;
use crate::item::says_impl;
use crate::valid::check_function;

/// Whether the function was written with a body.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Written {
    WithBody,
    WithoutBody,
}

/// Checks the options against this function.
pub(crate) fn check_options(options: &mut CeleryOptions, function: &AnnotatedFunction) -> Option<Error> {
    if let Some(mistake) = options.take_mistakes() {
        return Some(mistake);
    }
    let mut mistakes = Mistakes::default();
    if let Some(sync) = &options.sync
        && *sync == function.sig.ident
    {
        mistakes.add(err!(
            sync,
            "`sync` keeps the original beside the call, so it needs a name of its own; write `sync = {sync}_now`"
        ));
    }
    if options.is_extern.is_some() {
        for name in ["max_retries", "retry_backoff", "acks_late"] {
            if let Some(option) = options.task_option(name) {
                mistakes.add(err!(
                    option.name,
                    "`{name}` is for the worker that runs the function, and an `extern` function runs elsewhere; set it there"
                ));
            }
        }
        if let Some(path) = &options.retry_on {
            mistakes.add(err!(
                path,
                "`retry_on` is for the worker that runs the function, and an `extern` function runs elsewhere; set it there"
            ));
        }
    } else if options.task_option("max_retries").is_none() {
        if let Some(option) = options.task_option("retry_backoff") {
            mistakes.add(err!(option.name, "`retry_backoff` is for calls that run again; add `max_retries = 3`"));
        }
        if let Some(path) = &options.retry_on {
            mistakes.add(err!(path, "`retry_on` is for calls that run again; add `max_retries = 3`"));
        }
    }
    if let Some(option) = options.task_option("ignore_result")
        && option.value.to_token_stream().to_string() == "true"
        && let ReturnType::Type(_, output) = &function.sig.output
        && !matches!(bare(output), Type::Tuple(tuple) if tuple.elems.is_empty())
    {
        mistakes.add(err!(
            option.name,
            "`ignore_result` leaves no result to return, and the function returns one; remove the option, or the result"
        ));
    }
    mistakes.into_error()
}

/// Checks a function of which a call is to go to another machine.
pub(crate) fn check(options: &CeleryOptions, function: &AnnotatedFunction, written: Written) -> Option<Error> {
    if let Some(mistake) = check_body(options, function, written).err() {
        return Some(mistake);
    }
    if let Some(receiver) = function.receiver() {
        return Some(err!(
            receiver,
            "`self` stays on this machine; write a function that takes what it needs of `self` as arguments"
        ));
    }
    if let Some(mistake) = check_function(function) {
        return Some(mistake);
    }
    let mut mistakes = Mistakes::default();
    let generics = &function.sig.generics;
    if !generics.params.is_empty() {
        mistakes.add(err!(
            generics,
            "a task has one name for one type of each argument, so it cannot be generic; write a function for each type"
        ));
    } else if let Some(clause) = &generics.where_clause {
        mistakes.add(err!(clause, "a task is not generic, so nothing depends on a `where`; remove it"));
    }
    for param in &function.params {
        mistakes.keep(check_param(param));
    }
    if let Some(output) = function.output().filter(|output| says_impl(output) || matches!(output, Type::Never(_))) {
        mistakes.add(err!(output, "the result travels as JSON, so its type must be written; name the type"));
    }
    mistakes.into_error()
}

fn check_body(options: &CeleryOptions, function: &AnnotatedFunction, written: Written) -> Result<()> {
    match (&options.is_extern, written) {
        (Some(_), Written::WithBody) => bail!(
            function.body.to_token_stream(),
            "an `extern` function runs elsewhere and has no body here; write `;` for the body, or remove `extern`"
        ),
        (None, Written::WithoutBody) => bail!(
            function.sig,
            "the function has no body; write it, or `#[celery(extern)]` if the function runs elsewhere"
        ),
        _ => Ok(()),
    }
}

fn check_param(param: &Param) -> Result<()> {
    let ty = bare(&param.syntax.ty);
    if let Some(condition) = param.syntax.attrs.iter().find(|attr| attr.path().is_ident("cfg")) {
        bail!(condition, "the arguments of a task are the same on each machine; put the condition on the function");
    }
    match &*param.syntax.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {}
        pattern => {
            bail!(pattern, "the name of a parameter is the name of its argument on the wire; take it apart in the body")
        }
    }
    if says_impl(ty) {
        bail!(ty, "an argument travels as JSON, so its type must be written; name the type instead of `impl Trait`");
    }
    if let Type::BareFn(_) = ty {
        bail!(ty, "a function stays on this machine; pass a value that says what to do, such as an enum");
    }
    Ok(())
}

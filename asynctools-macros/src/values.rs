//! The value of one option: how each is read, and what is said of each wrong form.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, LitStr, Path, Result, Token, UnOp};

use crate::error::bail;
use crate::error::err;

/// The name of an option.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Key {
    Workers,
    Queue,
    OnFull,
    Pool,
    Sync,
    Crate,
}

impl Key {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Key::Workers => "workers",
            Key::Queue => "queue",
            Key::OnFull => "on_full",
            Key::Pool => "pool",
            Key::Sync => "sync",
            Key::Crate => "crate",
        }
    }

    pub(crate) fn example(self) -> &'static str {
        match self {
            Key::Workers => "workers = 5",
            Key::Queue => "queue = 100",
            Key::OnFull => "on_full = \"block\"",
            Key::Pool => "pool = POOL",
            Key::Sync => "sync = fetch_now",
            Key::Crate => "crate = path::to::asynctools",
        }
    }
}

/// What a call does that finds the queue full.
#[derive(Clone, Copy)]
pub(crate) enum OnFull {
    Block,
    RunHere,
    Reject,
}

/// An expression of type `usize`, as far as that can be seen.
pub(crate) fn number(key: Key, input: ParseStream<'_>) -> Result<Expr> {
    let name = key.name();
    let example = key.example();
    let expression = expression(input).map_err(|found| {
        err!(
            found,
            "`{name}` takes a number, found {}; write `{example}` or an expression of type `usize`",
            described(&found)
        )
    })?;
    match bare(&expression) {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) if int.base10_digits() == "0" => match key {
            Key::Queue => bail!(
                expression,
                "a queue of 0 has no room for a call that waits; give at least `queue = 1`, or leave `queue` out for one without a limit"
            ),
            _ => bail!(
                expression,
                "a pool of 0 workers never runs a call; give at least `workers = 1`, or write `#[parallel]` for a thread per call"
            ),
        },
        Expr::Lit(ExprLit { lit: Lit::Int(_), .. }) => Ok(expression),
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
            bail!(expression, "`{name}` takes a number, found a string; write `{example}`, without quotes")
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => {
            bail!(expression, "`{name}` cannot be negative; it is a `usize` of at least 1")
        }
        Expr::Lit(_) | Expr::Range(_) | Expr::Closure(_) | Expr::Tuple(_) | Expr::Array(_) | Expr::Assign(_) => {
            let found = described(&expression);
            bail!(
                expression,
                "`{name}` takes a number, found {found}; write `{example}` or an expression of type `usize`"
            )
        }
        _ => Ok(expression),
    }
}

pub(crate) fn on_full(input: ParseStream<'_>) -> Result<OnFull> {
    const WAYS: [(&str, OnFull); 3] =
        [("block", OnFull::Block), ("run_here", OnFull::RunHere), ("reject", OnFull::Reject)];
    let found = value(input);
    let Ok(text) = syn::parse2::<LitStr>(found.clone()) else {
        bail!(
            found,
            "`on_full` takes \"block\", \"run_here\" or \"reject\", found {}; write `on_full = \"block\"`, with quotes",
            described(&found)
        );
    };
    let text = text.value();
    if let Some((_, way)) = WAYS.iter().find(|(name, _)| text == *name) {
        return Ok(*way);
    }
    match nearest(&text, WAYS.iter().map(|(name, _)| *name)) {
        Some(near) => bail!(found, "`on_full` does not know \"{text}\"; did you mean \"{near}\"?"),
        None => bail!(found, "`on_full` does not know \"{text}\"; it takes \"block\", \"run_here\" or \"reject\""),
    }
}

pub(crate) fn pool(input: ParseStream<'_>) -> Result<Expr> {
    let expression = expression(input).map_err(|found| {
        err!(
            found,
            "`pool` takes a `Pool`, found {}; write `pool = POOL`, for a `static POOL: Pool`",
            described(&found)
        )
    })?;
    match bare(&expression) {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => {
            bail!(
                expression,
                "`pool` takes a `Pool`, found a number; for a pool of {int} workers of the function's own write `workers = {int}`"
            )
        }
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
            bail!(
                expression,
                "`pool` takes a `Pool`, found a string; write `pool = POOL`, without quotes, for a `static POOL: Pool`"
            )
        }
        _ => Ok(expression),
    }
}

pub(crate) fn sync(input: ParseStream<'_>) -> Result<Ident> {
    let found = value(input);
    syn::parse2(found.clone()).map_err(|_| match syn::parse2::<LitStr>(found.clone()) {
        Ok(_) => err!(found, "`sync` takes a name, found a string; write `sync = fetch_now`, without quotes"),
        Err(_) => err!(
            found,
            "`sync` takes the name under which the blocking original is kept, found {}; write `sync = fetch_now`",
            described(&found)
        ),
    })
}

pub(crate) fn krate(input: ParseStream<'_>) -> Result<Path> {
    let found = value(input);
    Path::parse_mod_style.parse2(found.clone()).map_err(|_| match syn::parse2::<LitStr>(found.clone()) {
        Ok(_) => {
            err!(found, "`crate` takes a path, found a string; write `crate = path::to::asynctools`, without quotes")
        }
        Err(_) => err!(
            found,
            "`crate` takes the path of the runtime crate, found {}; write `crate = path::to::asynctools`",
            described(&found)
        ),
    })
}

/// The expression that makes up the whole value, or the tokens that do not.
fn expression(input: ParseStream<'_>) -> std::result::Result<Expr, TokenStream> {
    let ahead = input.fork();
    match ahead.parse() {
        Ok(expression) if ahead.is_empty() || ahead.peek(Token![,]) || at_option(&ahead) => {
            input.advance_to(&ahead);
            Ok(expression)
        }
        _ => Err(value(input)),
    }
}

/// The tokens of a value, at least one.
pub(crate) fn value(input: ParseStream<'_>) -> TokenStream {
    let first = input.parse::<TokenTree>().ok();
    first.into_iter().chain(rest(input)).collect()
}

/// What is left of the option under way: up to the comma, or to where the next one seems to begin.
pub(crate) fn rest(input: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) && !at_option(input) {
        tokens.extend(input.parse::<TokenTree>());
    }
    tokens
}

fn at_option(input: ParseStream<'_>) -> bool {
    input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==])
}

/// Without the parentheses and the invisible groups that a macro leaves around a fragment.
fn bare(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => bare(&paren.expr),
        Expr::Group(group) => bare(&group.expr),
        other => other,
    }
}

pub(crate) fn described(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string().replace(" :: ", "::");
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

/// The known name that `found` was probably meant to be.
pub(crate) fn nearest(found: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let (distance, name) =
        known.map(|name| if found.contains(name) { (1, name) } else { (distance(found, name), name) }).min()?;
    (distance <= 2 && distance < name.len().min(found.len())).then_some(name)
}

/// How many letters must be added, removed or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

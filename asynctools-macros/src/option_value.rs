//! The value of one option: how the macro reads each, and the message for each wrong form.

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
pub(crate) enum OptionName {
    Workers,
    Queue,
    OnFull,
    Pool,
    Sync,
    Crate,
}

impl OptionName {
    pub(crate) fn name(self) -> &'static str {
        match self {
            OptionName::Workers => "workers",
            OptionName::Queue => "queue",
            OptionName::OnFull => "on_full",
            OptionName::Pool => "pool",
            OptionName::Sync => "sync",
            OptionName::Crate => "crate",
        }
    }

    pub(crate) fn example(self) -> &'static str {
        match self {
            OptionName::Workers => "workers = 5",
            OptionName::Queue => "queue = 100",
            OptionName::OnFull => "on_full = \"block\"",
            OptionName::Pool => "pool = POOL",
            OptionName::Sync => "sync = fetch_now",
            OptionName::Crate => "crate = path::to::asynctools",
        }
    }
}

/// The value of `on_full`: what a call does if the queue is full.
#[derive(Clone, Copy)]
pub(crate) enum FullPolicy {
    Block,
    RunHere,
    Reject,
}

/// Parses an expression of type `usize`, as far as tokens show a type.
pub(crate) fn parse_number(option: OptionName, input: ParseStream<'_>) -> Result<Expr> {
    let name = option.name();
    let example = option.example();
    let expression = take_expression(input).map_err(|found| {
        err!(
            found,
            "`{name}` takes a number, found {}; write `{example}` or an expression of type `usize`",
            quoted(&found)
        )
    })?;
    match ungrouped(&expression) {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) if int.base10_digits() == "0" => match option {
            OptionName::Queue => bail!(
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
            let found = quoted(&expression);
            bail!(
                expression,
                "`{name}` takes a number, found {found}; write `{example}` or an expression of type `usize`"
            )
        }
        _ => Ok(expression),
    }
}

pub(crate) fn parse_on_full(input: ParseStream<'_>) -> Result<FullPolicy> {
    const WAYS: [(&str, FullPolicy); 3] =
        [("block", FullPolicy::Block), ("run_here", FullPolicy::RunHere), ("reject", FullPolicy::Reject)];
    let found = take_value(input);
    let Ok(text) = syn::parse2::<LitStr>(found.clone()) else {
        bail!(
            found,
            "`on_full` takes \"block\", \"run_here\" or \"reject\", found {}; write `on_full = \"block\"`, with quotes",
            quoted(&found)
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

pub(crate) fn parse_pool(input: ParseStream<'_>) -> Result<Expr> {
    let expression = take_expression(input).map_err(|found| {
        err!(found, "`pool` takes a `Pool`, found {}; write `pool = POOL`, for a `static POOL: Pool`", quoted(&found))
    })?;
    match ungrouped(&expression) {
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

/// The value of `sync`: the name of the blocking original.
pub(crate) struct SyncName {
    pub(crate) name: Ident,
    /// Whether the user wrote `Self::name`, as rustc proposes for an associated function that the macro took for a free one.
    pub(crate) says_self: bool,
}

pub(crate) fn parse_sync(input: ParseStream<'_>) -> Result<SyncName> {
    let found = take_value(input);
    let name = |input: ParseStream<'_>| {
        let says_self = input.parse::<Option<Token![Self]>>()?.is_some();
        if says_self {
            input.parse::<Token![::]>()?;
        }
        Ok(SyncName { name: input.parse()?, says_self })
    };
    name.parse2(found.clone()).map_err(|_| match syn::parse2::<LitStr>(found.clone()) {
        Ok(_) => err!(found, "`sync` takes a name, found a string; write `sync = fetch_now`, without quotes"),
        Err(_) => err!(
            found,
            "`sync` takes the name under which the blocking original is kept, found {}; write `sync = fetch_now`",
            quoted(&found)
        ),
    })
}

pub(crate) fn parse_crate(input: ParseStream<'_>) -> Result<Path> {
    let found = take_value(input);
    Path::parse_mod_style.parse2(found.clone()).map_err(|_| match syn::parse2::<LitStr>(found.clone()) {
        Ok(_) => {
            err!(found, "`crate` takes a path, found a string; write `crate = path::to::asynctools`, without quotes")
        }
        Err(_) => err!(
            found,
            "`crate` takes the path of the runtime crate, found {}; write `crate = path::to::asynctools`",
            quoted(&found)
        ),
    })
}

/// Takes the value as one expression, or returns the tokens of a value that is none.
fn take_expression(input: ParseStream<'_>) -> std::result::Result<Expr, TokenStream> {
    let ahead = input.fork();
    match ahead.parse() {
        Ok(expression) if ahead.is_empty() || ahead.peek(Token![,]) || ahead.peek(Token![;]) || at_option(&ahead) => {
            input.advance_to(&ahead);
            Ok(expression)
        }
        _ => Err(take_value(input)),
    }
}

/// Takes the tokens of a value, at least one.
pub(crate) fn take_value(input: ParseStream<'_>) -> TokenStream {
    let first = input.parse::<TokenTree>().ok();
    first.into_iter().chain(take_rest(input)).collect()
}

/// Takes the rest of an option: the tokens before the comma or semicolon, or before what looks like the next option.
pub(crate) fn take_rest(input: ParseStream<'_>) -> TokenStream {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) && !input.peek(Token![;]) && !at_option(input) {
        tokens.extend(input.parse::<TokenTree>());
    }
    tokens
}

/// Takes the comma behind an option. A semicolon is a mistake, unless the option is wrong already.
pub(crate) fn take_separator(input: ParseStream<'_>, is_wrong: bool) -> Result<()> {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return Ok(());
    }
    match input.parse::<Token![;]>() {
        Ok(_) if is_wrong => Ok(()),
        Ok(found) => Err(err!(found, "expected `,`, found `;`; options are separated by commas")),
        Err(_) => {
            let next: TokenTree = input.fork().parse()?;
            Err(err!(next, "expected `,` before `{next}`; options are separated by commas"))
        }
    }
}

fn at_option(input: ParseStream<'_>) -> bool {
    input.peek(Ident::peek_any) && input.peek2(Token![=]) && !input.peek2(Token![==])
}

/// Returns the expression inside of parentheses and of the invisible groups that a macro puts around a fragment.
fn ungrouped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(paren) => ungrouped(&paren.expr),
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

/// Returns the tokens in backticks, for a message.
pub(crate) fn quoted(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string().replace(" :: ", "::");
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

/// Returns the known name that the user probably meant.
pub(crate) fn nearest(found: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let (distance, name) =
        known.map(|name| if found.contains(name) { (1, name) } else { (distance(found, name), name) }).min()?;
    (distance <= 2 && distance < name.len().min(found.len())).then_some(name)
}

/// Counts the letters to add, remove or change.
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

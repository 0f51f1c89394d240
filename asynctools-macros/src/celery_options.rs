//! The options of `#[celery]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Result, Token};

use crate::error::Mistakes;
use crate::error::bail;
use crate::option_value::SyncName;
use crate::option_value::nearest;
use crate::option_value::parse_crate;
use crate::option_value::parse_sync;
use crate::option_value::quoted;
use crate::option_value::take_rest;
use crate::option_value::take_separator;
use crate::option_value::take_value;
use crate::options::AttributeMacro;
use crate::options::Options;
use crate::options::RunsOn;

/// The options, by name, each with an example of its use.
const KNOWN: [(&str, &str); 14] = [
    ("name", "name = \"images.thumb\""),
    ("queue", "queue = \"images\""),
    ("acks_late", "acks_late = false"),
    ("max_retries", "max_retries = 3"),
    ("retry_backoff", "retry_backoff = Duration::from_secs(1)"),
    ("retry_on", "retry_on = is_temporary"),
    ("expires", "expires = Duration::from_secs(60)"),
    ("result_timeout", "result_timeout = Duration::from_secs(60)"),
    ("ignore_result", "ignore_result = true"),
    ("priority", "priority = 3"),
    ("soft_time_limit", "soft_time_limit = Duration::from_secs(60)"),
    ("extern", "extern"),
    ("sync", "sync = thumb_now"),
    ("crate", "crate = path::to::asynctools"),
];

/// An option of the task, as `TaskOptions` has it.
pub(crate) struct TaskOption {
    pub(crate) name: Ident,
    pub(crate) value: Expr,
}

impl TaskOption {
    /// Writes the field of `TaskOptions`.
    pub(crate) fn field(&self) -> TokenStream {
        let TaskOption { name, value } = self;
        if name == "expires" || name == "result_timeout" || name == "soft_time_limit" {
            return quote!(#name: ::core::option::Option::Some(#value));
        }
        quote!(#name: #value)
    }
}

/// The options in the parentheses of `#[celery(..)]`.
#[derive(Default)]
pub(crate) struct CeleryOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) task: Vec<TaskOption>,
    pub(crate) retry_on: Option<Expr>,
    /// The word, if the function is only declared.
    pub(crate) is_extern: Option<Ident>,
    pub(crate) sync: Option<Ident>,
    runtime_path: Option<syn::Path>,
    given: Vec<Ident>,
    mistakes: Mistakes,
}

impl CeleryOptions {
    pub(crate) fn parse(tokens: TokenStream) -> CeleryOptions {
        let mut options = CeleryOptions::default();
        let parse = |input: ParseStream<'_>| -> Result<()> {
            while !input.is_empty() {
                let option = options.option(input);
                let is_wrong = option.is_err();
                if let Err(mistake) = option {
                    options.mistakes.add(mistake);
                    take_rest(input);
                }
                options.mistakes.keep(take_separator(input, is_wrong));
            }
            Ok(())
        };
        let parsed = parse.parse2(tokens);
        options.mistakes.keep(parsed);
        options
    }

    pub(crate) fn take_mistakes(&mut self) -> Option<Error> {
        std::mem::take(&mut self.mistakes).into_error()
    }

    /// Returns the task's option of this name, where it is given.
    pub(crate) fn task_option(&self, name: &str) -> Option<&TaskOption> {
        self.task.iter().find(|option| option.name == name)
    }

    /// Returns what the plan of an expansion needs to know.
    pub(crate) fn shared(&self) -> Options {
        Options {
            attribute: AttributeMacro::Pooled,
            runs_on: RunsOn::Global,
            sync: self.sync.clone().map(|name| SyncName { name, says_self: false }),
            runtime_path: self.runtime_path.clone(),
            tokens: TokenStream::new(),
            mistakes: None,
        }
    }

    /// Returns the options that a function of that name can have beside an error.
    pub(crate) fn beside_error(self, function: &Ident) -> CeleryOptions {
        let CeleryOptions { is_extern, sync, runtime_path, .. } = self;
        let sync = sync.filter(|sync| sync != function);
        CeleryOptions { is_extern, sync, runtime_path, ..CeleryOptions::default() }
    }

    fn option(&mut self, input: ParseStream<'_>) -> Result<()> {
        let Ok(name) = input.call(Ident::parse_any) else {
            let found = take_value(input);
            bail!(found, "expected the name of an option, found {}; write `queue = \"images\"`", quoted(&found));
        };
        let text = name.to_string();
        let Some((_, example)) = KNOWN.iter().find(|(known, _)| text == *known) else {
            if let Some(near) = nearest(&text, KNOWN.iter().map(|(known, _)| *known)) {
                bail!(name, "unknown option `{name}`; did you mean `{near}`?")
            }
            let names: Vec<_> = KNOWN.iter().map(|(known, _)| format!("`{known}`")).collect();
            bail!(name, "unknown option `{name}`; `#[celery]` knows {}", names.join(", "));
        };
        if self.given.contains(&name) {
            bail!(name, "`{name}` is given twice; keep one of the two");
        }
        self.given.push(name.clone());
        if text == "extern" {
            self.is_extern = Some(name.clone());
            if input.peek(Token![=]) {
                bail!(name, "`extern` takes no value; write `#[celery(extern)]`");
            }
            return Ok(());
        }
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            bail!(name, "`{name}` needs a value; write `{example}`");
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            bail!(name, "`{name}` needs a value; write `{example}`");
        }
        match text.as_str() {
            "sync" => {
                let sync = parse_sync(input)?;
                if sync.says_self {
                    bail!(
                        sync.name,
                        "a task is no associated function, so nothing is `Self` there; write `sync = {}`",
                        sync.name
                    );
                }
                self.sync = Some(sync.name);
            }
            "crate" => self.runtime_path = Some(parse_crate(input)?),
            "name" => self.name = Some(text_value(&name, example, input)?),
            "retry_on" => self.retry_on = Some(expression(&name, example, input)?),
            "queue" => {
                let value = text_value(&name, example, input)?;
                self.task.push(TaskOption { name, value: syn::parse2(value.into_token_stream())? });
            }
            "acks_late" | "ignore_result" => {
                let found = take_value(input);
                let Ok(value) = syn::parse2::<LitBool>(found.clone()) else {
                    bail!(found, "`{name}` takes `true` or `false`, found {}; write `{example}`", quoted(&found));
                };
                self.task.push(TaskOption { name, value: syn::parse2(value.into_token_stream())? });
            }
            "priority" => {
                let value = expression(&name, example, input)?;
                if let Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) = &value
                    && int.base10_parse::<u8>().is_ok_and(|priority| priority > 9)
                {
                    bail!(
                        value,
                        "`priority` goes from 0, the highest on Redis, to 9, found `{int}`; write `{example}`"
                    );
                }
                self.task.push(TaskOption { name, value });
            }
            _ => {
                let value = expression(&name, example, input)?;
                self.task.push(TaskOption { name, value });
            }
        }
        Ok(())
    }
}

/// Parses a text that can be a name on the wire.
fn text_value(name: &Ident, example: &str, input: ParseStream<'_>) -> Result<LitStr> {
    let found = take_value(input);
    let Ok(text) = syn::parse2::<LitStr>(found.clone()) else {
        bail!(found, "`{name}` takes a text, found {}; write `{example}`, with quotes", quoted(&found));
    };
    if text.value().is_empty() {
        bail!(found, "`{name}` is empty; write `{example}`, or leave `{name}` out");
    }
    if text.value().contains('\u{6}') || text.value().contains('\u{16}') {
        bail!(found, "`{name}` has a character by which Celery separates priorities on Redis; leave it out");
    }
    Ok(text)
}

fn expression(name: &Ident, example: &str, input: ParseStream<'_>) -> Result<Expr> {
    let found = take_value(input);
    let expression = syn::parse2::<Expr>(found.clone());
    match expression {
        Ok(Expr::Lit(ExprLit { lit: Lit::Str(_), .. })) | Err(_) => {
            bail!(found, "`{name}` takes an expression, found {}; write `{example}`", quoted(&found))
        }
        Ok(expression) => Ok(expression),
    }
}

//! The options in the parentheses of an attribute: the known ones, and their meaning together.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Ident, Path, Result, Token};

use crate::error::Mistakes;
use crate::error::bail;
use crate::option_value::FullPolicy;
use crate::option_value::OptionName;
use crate::option_value::SyncName;
use crate::option_value::nearest;
use crate::option_value::parse_crate;
use crate::option_value::parse_number;
use crate::option_value::parse_on_full;
use crate::option_value::parse_pool;
use crate::option_value::parse_sync;
use crate::option_value::quoted;
use crate::option_value::take_rest;
use crate::option_value::take_separator;
use crate::option_value::take_value;
use crate::written::as_written;

/// One of the two attributes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum AttributeMacro {
    Parallel,
    Pooled,
}

/// The options of one attribute. If `mistakes` has an error, `runs_on` is the pool of the bare attribute.
pub(crate) struct Options {
    pub(crate) attribute: AttributeMacro,
    /// The threads that run the call.
    pub(crate) runs_on: RunsOn,
    /// The name under which the blocking original is kept.
    pub(crate) sync: Option<SyncName>,
    /// The path of the runtime crate, if an option gives one.
    pub(crate) runtime_path: Option<Path>,
    /// The options as the user wrote them.
    pub(crate) tokens: TokenStream,
    pub(crate) mistakes: Option<Error>,
}

pub(crate) enum RunsOn {
    /// A thread that runs only this call.
    Thread,
    /// The process-wide default pool.
    Global,
    /// A pool that belongs to the function.
    Own { workers: Expr, queue: Option<Queue> },
    /// A pool of the program.
    Pool(Expr),
}

pub(crate) struct Queue {
    pub(crate) limit: Expr,
    pub(crate) on_full: Option<FullPolicy>,
}

impl AttributeMacro {
    pub(crate) fn name(self) -> &'static str {
        match self {
            AttributeMacro::Parallel => "#[parallel]",
            AttributeMacro::Pooled => "#[pooled]",
        }
    }

    fn option_names(self) -> &'static [OptionName] {
        match self {
            AttributeMacro::Parallel => &[OptionName::Sync, OptionName::Crate],
            AttributeMacro::Pooled => &[
                OptionName::Workers,
                OptionName::Queue,
                OptionName::OnFull,
                OptionName::Pool,
                OptionName::Sync,
                OptionName::Crate,
            ],
        }
    }

    /// Returns the threads of the attribute without options.
    fn without_options(self) -> RunsOn {
        match self {
            AttributeMacro::Parallel => RunsOn::Thread,
            AttributeMacro::Pooled => RunsOn::Global,
        }
    }
}

impl Options {
    pub(crate) fn parse(attribute: AttributeMacro, tokens: TokenStream) -> Options {
        let mut draft = Draft::default();
        let options = |input: ParseStream<'_>| -> Result<()> {
            draft.options(attribute, input);
            Ok(())
        };
        let parsed = options.parse2(tokens.clone());
        draft.mistakes.keep(parsed);
        let runs_on = draft.runs_on(attribute);
        Options {
            attribute,
            runs_on: draft.mistakes.keep(runs_on).unwrap_or_else(|| attribute.without_options()),
            sync: draft.sync.map(|given| given.value),
            runtime_path: draft.runtime_path.map(|given| given.value),
            tokens,
            mistakes: draft.mistakes.into_error(),
        }
    }

    /// Returns the options that a function of that name can have beside an error.
    pub(crate) fn beside_error(self, function: &Ident) -> Options {
        let sync = self.sync.filter(|sync| sync.name.unraw() != function.unraw());
        Options { runs_on: self.attribute.without_options(), sync, ..self }
    }
}

/// The value of an option with the token of its name, at which the message of a clash points.
struct Given<T> {
    name: Ident,
    value: T,
}

#[derive(Default)]
struct Draft {
    workers: Option<Given<Expr>>,
    queue: Option<Given<Expr>>,
    on_full: Option<Given<FullPolicy>>,
    pool: Option<Given<Expr>>,
    sync: Option<Given<SyncName>>,
    runtime_path: Option<Given<Path>>,
    mistakes: Mistakes,
}

impl Draft {
    fn options(&mut self, attribute: AttributeMacro, input: ParseStream<'_>) {
        while !input.is_empty() {
            let option = self.option(attribute, input);
            let is_wrong = option.is_err();
            if let Err(mistake) = option {
                self.mistakes.add(mistake);
                take_rest(input);
            }
            self.mistakes.keep(take_separator(input, is_wrong));
        }
    }

    fn option(&mut self, attribute: AttributeMacro, input: ParseStream<'_>) -> Result<()> {
        let (name, option) = option_name(attribute, input)?;
        let example = option.example();
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            bail!(name, "`{}` needs a value; write `{example}`", option.name());
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) || input.peek(Token![;]) {
            bail!(name, "`{}` needs a value; write `{example}`", option.name());
        }
        match option {
            OptionName::Workers => set(&mut self.workers, name, parse_number(option, input)?),
            OptionName::Queue => set(&mut self.queue, name, parse_number(option, input)?),
            OptionName::OnFull => set(&mut self.on_full, name, parse_on_full(input)?),
            OptionName::Pool => set(&mut self.pool, name, parse_pool(input)?),
            OptionName::Sync => set(&mut self.sync, name, parse_sync(input)?),
            OptionName::Crate => set(&mut self.runtime_path, name, parse_crate(input)?),
        }
    }

    /// Returns the threads that the options name. Wrong options are not searched for clashes: one mistake gives one
    /// error.
    fn runs_on(&mut self, attribute: AttributeMacro) -> Result<RunsOn> {
        if !self.mistakes.is_empty() {
            return Ok(attribute.without_options());
        }
        let (workers, queue) = (self.workers.take(), self.queue.take());
        let (on_full, pool) = (self.on_full.take(), self.pool.take());
        if let Some(pool) = pool {
            if let Some(Given { name, .. }) = workers {
                bail!(
                    name,
                    "`workers` and `pool` clash: `workers` makes a pool of the function's own, `pool` uses yours; keep one"
                );
            }
            if let Some(name) = queue.map(|given| given.name).or(on_full.map(|given| given.name)) {
                bail!(
                    name,
                    "`{name}` and `pool` clash: a pool of yours has its own queue; set it where the pool is made, by `Pool::builder()`"
                );
            }
            return Ok(RunsOn::Pool(pool.value));
        }
        if let (None, Some(Given { name, .. })) = (&workers, &queue) {
            bail!(name, "`queue` limits a pool of the function's own, and there is none; add `workers = 5`");
        }
        if let (None, Some(Given { name, .. })) = (&queue, &on_full) {
            bail!(name, "`on_full` needs a queue that can be full; add `queue = 100`");
        }
        let on_full = on_full.map(|given| given.value);
        let queue = queue.map(|given| Queue { limit: given.value, on_full });
        Ok(workers.map_or(attribute.without_options(), |given| RunsOn::Own { workers: given.value, queue }))
    }
}

fn set<T>(slot: &mut Option<Given<T>>, name: Ident, value: T) -> Result<()> {
    if slot.is_some() {
        bail!(name, "`{name}` is given twice; keep one of the two");
    }
    *slot = Some(Given { name, value });
    Ok(())
}

fn option_name(attribute: AttributeMacro, input: ParseStream<'_>) -> Result<(Ident, OptionName)> {
    let known = attribute.option_names();
    if let Some(pool) = nameless_pool(attribute, input) {
        bail!(pool, "expected the name of an option, found {}; write `pool = {}`", quoted(&pool), as_written(&pool));
    }
    let Ok(name) = input.call(Ident::parse_any) else {
        let found = if input.peek(Token![,]) { comma(input) } else { take_value(input) };
        bail!(found, "expected the name of an option, found {}; write `{}`", quoted(&found), known[0].example());
    };
    if let Some(option) = known.iter().find(|option| name == option.name()) {
        return Ok((name, *option));
    }
    if let Some(option) = AttributeMacro::Pooled.option_names().iter().find(|option| name == option.name()) {
        bail!(
            name,
            "`{name}` belongs to `#[pooled]`; `#[parallel]` runs each call at once, on a thread of its own; write `#[pooled({})]`",
            option.example()
        );
    }
    let text = name.to_string();
    if let Some(near) = nearest(&text, known.iter().map(|option| option.name())) {
        bail!(name, "unknown option `{name}`; did you mean `{near}`?");
    }
    let names: Vec<_> = known.iter().map(|option| format!("`{}`", option.name())).collect();
    bail!(name, "unknown option `{name}`; `{}` knows {}", attribute.name(), names.join(", "));
}

/// Takes a pool without the name of its option: `POOL`, `&pools::DB`, `self.pool`.
fn nameless_pool(attribute: AttributeMacro, input: ParseStream<'_>) -> Option<Expr> {
    let ahead = input.fork();
    ahead.parse::<Option<Token![&]>>().ok()?;
    let pool: Expr = ahead.parse().ok()?;
    let is_a_place = match &pool {
        Expr::Field(_) => true,
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            name != name.to_lowercase()
        }),
        _ => false,
    };
    if attribute == AttributeMacro::Parallel || !is_a_place || !(ahead.is_empty() || ahead.peek(Token![,])) {
        return None;
    }
    input.advance_to(&ahead);
    Some(pool)
}

/// Returns the comma ahead, and leaves the comma in the input as a separator.
fn comma(input: ParseStream<'_>) -> TokenStream {
    input.fork().parse::<TokenTree>().into_iter().collect()
}

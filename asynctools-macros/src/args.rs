//! The options in the parentheses of an attribute: which there are, and what they mean together.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Ident, Path, Result, Token};

use crate::error::Mistakes;
use crate::error::bail;
use crate::error::err;
use crate::values::Key;
use crate::values::OnFull;
use crate::values::described;
use crate::values::krate;
use crate::values::nearest;
use crate::values::number;
use crate::values::on_full;
use crate::values::pool;
use crate::values::rest;
use crate::values::sync;
use crate::values::value;

/// Which of the two attributes was written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Attribute {
    Parallel,
    Pooled,
}

/// The options of one attribute. Where `mistakes` has an error, `on` is what the bare attribute says.
pub(crate) struct Args {
    pub(crate) attribute: Attribute,
    /// Where the call runs.
    pub(crate) on: On,
    /// The name under which the blocking original is kept.
    pub(crate) sync: Option<Ident>,
    /// The runtime crate, if it has another name.
    pub(crate) krate: Option<Path>,
    /// The options as they were written.
    pub(crate) tokens: TokenStream,
    pub(crate) mistakes: Option<Error>,
}

pub(crate) enum On {
    /// A thread that does nothing else meanwhile.
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
    pub(crate) on_full: Option<OnFull>,
}

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::Parallel => "#[parallel]",
            Attribute::Pooled => "#[pooled]",
        }
    }

    fn knows(self) -> &'static [Key] {
        match self {
            Attribute::Parallel => &[Key::Sync, Key::Crate],
            Attribute::Pooled => &[Key::Workers, Key::Queue, Key::OnFull, Key::Pool, Key::Sync, Key::Crate],
        }
    }

    /// Where a call runs when no option says it.
    fn bare(self) -> On {
        match self {
            Attribute::Parallel => On::Thread,
            Attribute::Pooled => On::Global,
        }
    }
}

impl Args {
    pub(crate) fn parse(attribute: Attribute, tokens: TokenStream) -> Args {
        let mut draft = Draft::default();
        let options = |input: ParseStream<'_>| -> Result<()> {
            draft.options(attribute, input);
            Ok(())
        };
        let parsed = options.parse2(tokens.clone());
        draft.mistakes.keep(parsed);
        let on = draft.place(attribute);
        Args {
            attribute,
            on: draft.mistakes.keep(on).unwrap_or_else(|| attribute.bare()),
            sync: draft.sync.map(|given| given.value),
            krate: draft.krate.map(|given| given.value),
            tokens,
            mistakes: draft.mistakes.into_error(),
        }
    }

    /// The same as far as a function of that name can have it, whatever was wrong.
    pub(crate) fn without_place(self, function: &Ident) -> Args {
        let sync = self.sync.filter(|sync| sync != function);
        Args { on: self.attribute.bare(), sync, ..self }
    }
}

/// An option beside the name that it was given by, so that a clash can point at it.
struct Given<T> {
    name: Ident,
    value: T,
}

#[derive(Default)]
struct Draft {
    workers: Option<Given<Expr>>,
    queue: Option<Given<Expr>>,
    on_full: Option<Given<OnFull>>,
    pool: Option<Given<Expr>>,
    sync: Option<Given<Ident>>,
    krate: Option<Given<Path>>,
    mistakes: Mistakes,
}

impl Draft {
    fn options(&mut self, attribute: Attribute, input: ParseStream<'_>) {
        while !input.is_empty() {
            if let Err(mistake) = self.option(attribute, input) {
                self.mistakes.add(mistake);
                rest(input);
            }
            if let Err(mistake) = separator(input) {
                self.mistakes.add(mistake);
            }
        }
    }

    fn option(&mut self, attribute: Attribute, input: ParseStream<'_>) -> Result<()> {
        let (name, key) = option_name(attribute, input)?;
        let written_as = key.example();
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            bail!(name, "`{}` needs a value; write `{written_as}`", key.name());
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            bail!(name, "`{}` needs a value; write `{written_as}`", key.name());
        }
        match key {
            Key::Workers => set(&mut self.workers, name, number(key, input)?),
            Key::Queue => set(&mut self.queue, name, number(key, input)?),
            Key::OnFull => set(&mut self.on_full, name, on_full(input)?),
            Key::Pool => set(&mut self.pool, name, pool(input)?),
            Key::Sync => set(&mut self.sync, name, sync(input)?),
            Key::Crate => set(&mut self.krate, name, krate(input)?),
        }
    }

    /// Where the options send the call. A clash is only looked for among options that are right.
    fn place(&mut self, attribute: Attribute) -> Result<On> {
        if !self.mistakes.is_empty() {
            return Ok(attribute.bare());
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
            return Ok(On::Pool(pool.value));
        }
        if let (None, Some(Given { name, .. })) = (&workers, &queue) {
            bail!(name, "`queue` limits a pool of the function's own, and there is none; add `workers = 5`");
        }
        if let (None, Some(Given { name, .. })) = (&queue, &on_full) {
            bail!(name, "`on_full` needs a queue that can be full; add `queue = 100`");
        }
        let on_full = on_full.map(|given| given.value);
        let queue = queue.map(|given| Queue { limit: given.value, on_full });
        Ok(workers.map_or(attribute.bare(), |given| On::Own { workers: given.value, queue }))
    }
}

fn set<T>(slot: &mut Option<Given<T>>, name: Ident, value: T) -> Result<()> {
    if slot.is_some() {
        bail!(name, "`{name}` is given twice; keep one of the two");
    }
    *slot = Some(Given { name, value });
    Ok(())
}

fn option_name(attribute: Attribute, input: ParseStream<'_>) -> Result<(Ident, Key)> {
    let known = attribute.knows();
    let Ok(name) = input.call(Ident::parse_any) else {
        let found = if input.peek(Token![,]) { comma(input) } else { value(input) };
        bail!(found, "expected the name of an option, found {}; write `{}`", described(&found), known[0].example());
    };
    if let Some(key) = known.iter().find(|key| name == key.name()) {
        return Ok((name, *key));
    }
    if let Some(key) = Attribute::Pooled.knows().iter().find(|key| name == key.name()) {
        bail!(
            name,
            "`{name}` belongs to `#[pooled]`; `#[parallel]` runs each call at once, on a thread of its own; write `#[pooled({})]`",
            key.example()
        );
    }
    let text = name.to_string();
    if let Some(near) = nearest(&text, known.iter().map(|key| key.name())) {
        bail!(name, "unknown option `{name}`; did you mean `{near}`?");
    }
    let names: Vec<_> = known.iter().map(|key| format!("`{}`", key.name())).collect();
    bail!(name, "unknown option `{name}`; `{}` knows {}", attribute.name(), names.join(", "));
}

/// The comma ahead, which still separates.
fn comma(input: ParseStream<'_>) -> TokenStream {
    input.fork().parse::<TokenTree>().into_iter().collect()
}

fn separator(input: ParseStream<'_>) -> Result<()> {
    if input.is_empty() || input.parse::<Token![,]>().is_ok() {
        return Ok(());
    }
    let next: TokenTree = input.fork().parse()?;
    Err(err!(next, "expected `,` before `{next}`; options stand apart by commas"))
}

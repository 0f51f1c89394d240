//! The attributes of `asynctools`, `#[parallel]` and `#[pooled]`; they are documented there.

mod error;
mod values;
mod args;
mod walk;
mod model;
mod attrs;
mod valid;
mod plan;
mod head;
mod work;
mod expand;
mod fallback;
#[cfg(test)]
mod fuzz;

use proc_macro::TokenStream;

use crate::args::Args;
use crate::args::Attribute;
use crate::model::Item;

/// Makes the calls of a function run at once, each on a thread of its own.
#[proc_macro_attribute]
pub fn parallel(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = Args::parse(Attribute::Parallel, args.into());
    let item = Item::parse(item.into());
    let verdict = valid::check(&args, &item);
    fallback::answer(args, item, verdict).into()
}

/// Makes the calls of a function run on the workers of a pool.
#[proc_macro_attribute]
pub fn pooled(args: TokenStream, item: TokenStream) -> TokenStream {
    let args = Args::parse(Attribute::Pooled, args.into());
    let item = Item::parse(item.into());
    let verdict = valid::check(&args, &item);
    fallback::answer(args, item, verdict).into()
}

//! The attributes of `asynctools`, `#[parallel]`, `#[pooled]` and `#[celery]`; they are documented there.
//!
//! The modules, each of which imports only from those above itself:
//!
//! | module | holds |
//! | --- | --- |
//! | `error` | `err!`, `bail!`, and several errors as one |
//! | `written` | tokens as text |
//! | `option_value` | the value of one option: how the macro reads it, what it says of a wrong one |
//! | `options` | the options of an attribute, and which of them clash |
//! | `hidden_lifetime` | the types of the standard library that borrow, and which of them leave their lifetime out |
//! | `type_walk` | the walk over a written type: its lifetimes, its `impl Trait`s |
//! | `conditional` | attributes under a condition: `cfg` and `cfg_attr` |
//! | `self_search` | the search for signs that a function is in an `impl` block |
//! | `item` | the annotated item, and questions about it |
//! | `kept_attributes` | which attributes stay on the rewritten function, and which go with the body |
//! | `trait_objects` | the trait objects that surely cannot go to another thread |
//! | `single_thread` | the types that surely stay on one thread |
//! | `unsized_type` | the types that surely have no size of their own |
//! | `valid_options`, `valid_types`, `valid` | every refusal of a function |
//! | `plan` | names, spans and paths that all of an expansion shares |
//! | `quiet_spans` | the spans that keep clippy silent about the original's signature |
//! | `signature` | the signature of the rewritten function |
//! | `body_call` | the body of the rewritten function: the call of the original |
//! | `docs` | the paragraph that the docs of a function gain |
//! | `expand` | the two functions, put together |
//! | `halves` | the two functions of one with a conditional parameter |
//! | `fallback` | the tokens that stand beside an error |
//! | `celery_options` | the options of `#[celery]` |
//! | `celery_valid` | what `#[celery]` refuses besides |
//! | `celery_expand` | the function, the type beside it, and the task |

mod error;
mod written;
mod option_value;
mod options;
mod hidden_lifetime;
mod type_walk;
mod conditional;
mod self_search;
mod item;
mod kept_attributes;
mod trait_objects;
mod single_thread;
mod unsized_type;
mod valid_options;
mod valid_types;
mod valid;
mod plan;
mod quiet_spans;
mod signature;
mod body_call;
mod docs;
mod expand;
mod halves;
mod fallback;
#[cfg(feature = "celery")]
mod celery_options;
#[cfg(feature = "celery")]
mod celery_valid;
#[cfg(feature = "celery")]
mod celery_expand;
#[cfg(test)]
mod random_tokens;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod fuzz;

use proc_macro::TokenStream;

use crate::item::AnnotatedItem;
use crate::options::AttributeMacro;
use crate::options::Options;

#[expect(missing_docs, reason = "`asynctools` documents it, and rustdoc would add this sentence there at the end")]
#[proc_macro_attribute]
pub fn parallel(options: TokenStream, item: TokenStream) -> TokenStream {
    rewritten(AttributeMacro::Parallel, options, item)
}

#[expect(missing_docs, reason = "as above")]
#[proc_macro_attribute]
pub fn pooled(options: TokenStream, item: TokenStream) -> TokenStream {
    rewritten(AttributeMacro::Pooled, options, item)
}

#[cfg(feature = "celery")]
#[expect(missing_docs, reason = "as above")]
#[proc_macro_attribute]
pub fn celery(options: TokenStream, item: TokenStream) -> TokenStream {
    celery_expand::answer(options.into(), item.into()).into()
}

fn rewritten(attribute: AttributeMacro, options: TokenStream, item: TokenStream) -> TokenStream {
    let options = Options::parse(attribute, options.into());
    let item = AnnotatedItem::parse(item.into());
    let verdict = valid::check(&options, &item);
    fallback::answer(options, item, verdict).into()
}

//! What stands in place of the item: the expansion, or beside an error what callers expect, so that one mistake is one error.

use proc_macro2::{Group, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Error, parse_quote};

use crate::args::Args;
use crate::expand::expand;
use crate::expand::split;
use crate::model::Form;
use crate::model::Function;
use crate::model::Item;
use crate::model::says_impl;
use crate::plan::Plan;
use crate::valid::Verdict;
use crate::valid::refuses;

pub(crate) fn answer(args: Args, item: Item, verdict: Verdict) -> TokenStream {
    let Verdict { options, item: refusal } = verdict;
    let mut tokens: TokenStream = [&options, &refusal].into_iter().flatten().map(Error::to_compile_error).collect();
    match item {
        Item::Other(other) => tokens.extend(other.tokens),
        Item::Function(function) => {
            // Each of the two functions is looked at again, without the condition.
            if let Some(input) = function.conditional_input() {
                return split(&function, &args, input);
            }
            let args = if options.is_some() { args.without_place(&function.sig.ident) } else { args };
            tokens.extend(match refusal {
                None => expand(&function, &args),
                Some(_) => refused(*function, &args),
            });
        }
    }
    tokens
}

/// ```text
/// #[pooled]                               fn push(list: &mut Vec<u8>) -> AsyncValue<usize> {
/// fn push(list: &mut Vec<u8>) -> usize {      fn __asynctools_push(list: &mut Vec<u8>) -> usize { .. }
///     ..                            =>        unreachable!()
/// }                                       }
/// ```
///
/// Callers find the function that they would have without the mistake, and what the body uses stays used.
fn refused(mut function: Function, args: &Args) -> TokenStream {
    if function.is_main() {
        let Function { attrs, vis, sig, body, .. } = function;
        return quote!(#(#attrs)* #vis #sig #body);
    }
    if function.sig.variadic.take().is_some() {
        // rustc would refuse it once more, and a body without its variadic parameter.
        function.body = Group::new(function.body.delimiter(), quote!(::core::unreachable!()));
        let reason = "the body is left out";
        function.attrs.push(parse_quote!(#[allow(unused_variables, reason = #reason)]));
    }
    let plan = Plan { refused: true, ..Plan::new(&function, args) };
    let work = match function.output().filter(|ty| says_impl(ty)) {
        None => quote!(::core::unreachable!()),
        Some(_) => opaque(&plan, &function),
    };
    plan.assemble(&work)
}

/// Only the body knows the type behind an `impl Trait`, so it is named as if it were called.
fn opaque(plan: &Plan<'_>, function: &Function) -> TokenStream {
    let nothing = || quote!(::core::option::Option::unwrap(::core::option::Option::None));
    let receiver = function.receiver().map(|_| nothing());
    let inputs = function.params.iter().zip(&plan.names).map(|(param, name)| match param.form {
        Form::Plain if !refuses(param) => quote!(#name),
        _ => nothing(),
    });
    let inputs = receiver.into_iter().chain(inputs);
    let (runtime, body) = (plan.runtime(plan.name_span), plan.body_path());
    quote_spanned!(plan.name_span=> #runtime::AsyncValue::ready(#body(#(#inputs),*)))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proc_macro2::{Group, TokenStream, TokenTree};

    use crate::args::Args;
    use crate::args::Attribute;
    use crate::fallback::answer;
    use crate::model::Item;
    use crate::valid::check;

    const ITEMS: [&str; 6] = [
        "#[doc = \"x\"] #[expect(dead_code, reason = \"x\")] pub fn f<'a, T: Fn(&str) -> u8, const N: usize>(a: &'a str, \
         #[cfg(x)] (b, mut c): (T, [u8; N])) -> io::Result<impl Iterator<Item = &'a T> + use<>> where for<'b> T: X<'b> { a }",
        "async unsafe extern \"C\" fn f(self: &mut Rc<Self>, x: &mut dyn A, ...) -> ! { Self::x() }",
        "const fn main(&'a self, _: fn(&u8) -> &u8, r#in: &(dyn A + B), f: impl for<'c> Fn(&'c u8)) -> (Result<A, impl E>) {}",
        "default unsafe impl<T> !A for B<T> { fn f() {} }",
        "fn f(a: <A as B>::C, b: *const &u8, c: &'static str, d: [&u8; 3]) -> Cow<'_, str>;",
        "macro_rules! f { ($a:tt) => { fn $a() {} } }",
    ];

    const OPTIONS: &str = "workers = 5 , queue = if A < B { 1 } else { -1 } , on_full = \"block\" , pool = self . pool , \
        sync = f , crate = :: a :: b , 5 = \"x\" , worker ( 1 ) , r#fn = .. , _ = = , , 'a";

    /// Steps of Knuth's generator: as good as random here, and the same every time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap_or_default() % limit
        }

        /// The tokens of `text` with some of them left out, doubled or in another place, at every depth.
        fn shuffled(&mut self, text: &str) -> TokenStream {
            let mut tokens: Vec<_> = TokenStream::from_str(text).unwrap_or_default().into_iter().collect();
            for _ in 0..self.below(3) {
                let (from, to) = (self.below(tokens.len().max(1)), self.below(tokens.len().max(1)));
                match (self.below(3), tokens.get(from).cloned()) {
                    (_, None) => {}
                    (0, Some(_)) => drop(tokens.remove(from)),
                    (1, Some(token)) => tokens.insert(to, token),
                    (_, Some(_)) => tokens.swap(from, to),
                }
            }
            let deeper = |token| match token {
                TokenTree::Group(group) if self.below(2) == 0 => {
                    let stream = self.shuffled(&group.stream().to_string());
                    Group::new(group.delimiter(), stream).into()
                }
                other => other,
            };
            tokens.into_iter().map(deeper).collect()
        }
    }

    #[test]
    fn no_input_makes_it_panic() {
        let mut dice = Dice(1);
        for round in 0..3_000 {
            let attribute = if dice.below(2) == 0 { Attribute::Parallel } else { Attribute::Pooled };
            let args = Args::parse(attribute, dice.shuffled(OPTIONS));
            let item = Item::parse(dice.shuffled(ITEMS[round % ITEMS.len()]));
            let verdict = check(&args, &item);
            answer(args, item, verdict);
        }
    }
}

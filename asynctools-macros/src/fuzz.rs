//! Random tokens, and functions with random mistakes, through the whole macro. The macro never panics, and its output
//! is the expansion, or an error beside something that parses. `PROPTEST_CASES` runs more cases, `PROPTEST_RNG_SEED`
//! other cases.

use std::env;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::test_runner::Config;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestRunner;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{
    ConstParam, FnArg, GenericParam, ImplItem, ImplItemFn, Item, Meta, Signature, Stmt, Type, TypeParam, WherePredicate,
};

use crate::conditional::existence;
use crate::conditional::one_by_one;
use crate::corpus::Case;
use crate::corpus::corpus;
use crate::corpus::spelled;
use crate::corpus::tests_folder;
use crate::fallback::answer;
use crate::item::AnnotatedItem;
use crate::options::AttributeMacro;
use crate::options::Options;
use crate::random_tokens::function;
use crate::random_tokens::options;
use crate::random_tokens::tokens;
use crate::random_tokens::typo;
use crate::valid::check;

impl Case {
    fn expanded(&self) -> TokenStream {
        let options = Options::parse(self.attribute, self.options.clone());
        let item = AnnotatedItem::parse(self.item.clone());
        let verdict = check(&options, &item);
        answer(options, item, verdict)
    }

    fn holds(&self) -> Result<(), String> {
        let output = self.expanded();
        let wrong = |what: &str| Err(format!("{what}: {self:?}\n\nbecame\n\n{}", spelled(output.clone())));
        let (errors, rest) = without_errors(&output);
        if errors.iter().any(|text| text.trim().is_empty()) {
            return wrong("an error without words");
        }
        let Some(function) = ReadFunction::of(&self.item) else {
            if spelled(rest) != spelled(self.item.clone()) {
                return wrong("an item that is no function is changed");
            }
            let known = match syn::parse2(self.item.clone()) {
                Ok(Item::Macro(item)) => item.mac.path.is_ident("macro_rules"),
                Ok(Item::Verbatim(_)) | Err(_) => false,
                Ok(_) => true,
            };
            return if known && errors.is_empty() { wrong("no function, and no error") } else { Ok(()) };
        };
        let items = match Parser::parse2(items, emptied(rest, &spelled(function.body.stream()))) {
            Ok(items) => items,
            // rustc reads that as a value and reports that there is none.
            Err(_) if says_crate(&self.options) => return Ok(()),
            Err(error) => return wrong(&format!("it does not parse ({error})")),
        };
        if function.is_conditional() {
            return self.halves(&items);
        }
        let Some((call, beside)) = items.split_first().filter(|(call, _)| call.sig.ident == function.sig.ident) else {
            return wrong("the function is gone");
        };
        if call.sig.inputs.len() != function.sig.inputs.len() {
            return wrong("the call takes more or fewer arguments");
        }
        if function.must_be_refused() && errors.is_empty() {
            return wrong("it must be refused");
        }
        if errors.is_empty()
            && let Err(what) = function.is_kept(call, beside, &output)
        {
            return wrong(&what);
        }
        Ok(())
    }

    /// Checks the two functions of one with a conditional parameter: both have the attribute, and neither has the
    /// condition.
    fn halves(&self, items: &[ImplItemFn]) -> Result<(), String> {
        if items.len() != 2 {
            return Err(format!("{} halves: {self:?}", items.len()));
        }
        for half in items {
            let [condition, again, others @ ..] = &half.attrs[..] else {
                return Err(format!("a half without its attributes: {self:?}"));
            };
            let inputs = conditional(&half.sig);
            if !condition.path().is_ident("cfg")
                || inputs >= conditional(&ReadFunction::of(&self.item).ok_or("unread")?.sig)
            {
                return Err(format!("splitting it never ends: {self:?}"));
            }
            let options = match &again.meta {
                Meta::List(list) => list.tokens.clone(),
                _ => return Err(format!("a half without options: {self:?}")),
            };
            let ImplItemFn { vis, sig, block, .. } = half;
            Case { attribute: self.attribute, options, item: quote!(#(#others)* #vis #sig #block) }.holds()?;
        }
        Ok(())
    }
}

/// A function as syn reads it, its body as one token.
struct ReadFunction {
    attrs: Vec<syn::Attribute>,
    vis: syn::Visibility,
    sig: Signature,
    body: Group,
}

impl ReadFunction {
    fn of(tokens: &TokenStream) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let (mut attrs, vis, sig) = (input.call(syn::Attribute::parse_outer)?, input.parse()?, input.parse()?);
            let mut token = input.parse()?;
            // `$body:block` of a macro.
            while let TokenTree::Group(group) = &token
                && group.delimiter() == Delimiter::None
                && let Ok(inner) = syn::parse2(group.stream())
            {
                token = inner;
            }
            match token {
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                    let (inner, body) = split_inner(body.stream())?;
                    attrs.extend(inner);
                    let body = Group::new(Delimiter::Brace, body);
                    Ok(ReadFunction { attrs, vis, sig, body })
                }
                other => Err(syn::Error::new(other.span(), "no body")),
            }
        };
        Parser::parse2(read, tokens.clone()).ok()
    }

    fn is_conditional(&self) -> bool {
        conditional(&self.sig) > 0
    }

    /// Returns whether the signature alone is a reason to refuse.
    fn must_be_refused(&self) -> bool {
        let Signature { constness, asyncness, unsafety, abi, variadic, .. } = &self.sig;
        let typed = self.sig.inputs.iter().filter(|input| matches!(input, FnArg::Typed(_)));
        let borrows = |input: &FnArg| match input {
            FnArg::Receiver(receiver) => matches!(&*receiver.ty, Type::Reference(ty) if ty.mutability.is_some()),
            FnArg::Typed(param) => matches!(&*param.ty, Type::Reference(ty) if ty.mutability.is_some()),
        };
        let bad = |attr: &syn::Attribute| {
            ["no_mangle", "export_name", "parallel", "pooled"].iter().any(|name| attr.path().is_ident(name))
        };
        constness.is_some()
            || asyncness.is_some()
            || unsafety.is_some()
            || abi.is_some()
            || variadic.is_some()
            || (self.sig.ident == "main" && self.sig.receiver().is_none())
            || typed.count() > 12
            || self.sig.inputs.iter().any(borrows)
            || self.attrs.iter().any(bad)
    }

    /// Checks that an accepted function is complete: its name, its generics, its body.
    fn is_kept(&self, call: &ImplItemFn, beside: &[ImplItemFn], output: &TokenStream) -> Result<(), String> {
        let here = |attr: &str, attrs: &[syn::Attribute]| attrs.iter().filter(|a| a.path().is_ident(attr)).count();
        let handle = match &call.sig.output {
            syn::ReturnType::Type(_, ty) => matches!(&**ty, Type::Path(ty) if says(&ty.path, "AsyncValue")),
            syn::ReturnType::Default => false,
        };
        let inside = call.block.stmts.iter().find_map(|stmt| match stmt {
            Stmt::Item(Item::Fn(original)) => Some((&original.attrs, &original.sig)),
            _ => None,
        });
        let (attrs, original) = match (inside, beside) {
            (Some(original), []) => original,
            // Beside a deprecated name that `sync` gives, the original is a third function.
            (None, [original] | [original, _]) => (&original.attrs, &original.sig),
            _ => return Err("one original is to be inside or beside".to_owned()),
        };
        let mut renamed = Signature { ident: original.ident.clone(), ..self.sig.clone() };
        let result = |sig: &Signature| spelled(sig.output.to_token_stream());
        // The macro adds `use<..>`, or looks up a result that is never an error.
        if result(&self.sig).contains("impl ") || result(original).contains("Itself") {
            renamed.output = original.output.clone();
        }
        let attributes = |name| here(name, &call.attrs).max(here(name, attrs));
        let held = [
            ("the call returns a handle", handle),
            ("the call knows its caller", here("track_caller", &call.attrs) == 1),
            ("the visibility stays", same(&call.vis, &self.vis)),
            ("the generics stay", generics(&call.sig) == generics(&self.sig)),
            (
                "the docs stay, and gain a paragraph",
                [0, 1].contains(&(here("doc", &call.attrs) - here("doc", &self.attrs))),
            ),
            ("the conditions stay", here("cfg", &call.attrs) == here("cfg", &self.attrs)),
            ("the rest goes with the body", attributes("inline") == here("inline", &self.attrs)),
            ("the original is called otherwise", original.ident != self.sig.ident),
            ("the signature of the original stays", same(original, &renamed)),
            ("the body stays", spelled(output.clone()).contains(&format!("{}}} ", spelled(self.body.stream())))),
        ];
        match held.iter().find(|(_, holds)| !holds) {
            Some((what, _)) => Err(format!("not so: {what}")),
            None => Ok(()),
        }
    }
}

/// Returns whether a lone `crate` is the value of an option: syn reads that as an expression, and not as a statement.
fn says_crate(options: &TokenStream) -> bool {
    options.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => says_crate(&group.stream()),
        token => token.to_string() == "crate",
    })
}

/// Counts the conditions on parameters and generics.
fn conditional(sig: &Signature) -> usize {
    let inputs = sig.inputs.iter().map(|input| match input {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(param) => &param.attrs,
    });
    let generics = sig.generics.params.iter().map(|param| match param {
        GenericParam::Type(param) => &param.attrs,
        GenericParam::Const(param) => &param.attrs,
        GenericParam::Lifetime(param) => &param.attrs,
    });
    let conditions = |attrs: &Vec<_>| one_by_one(attrs.clone()).iter().filter_map(existence).count();
    inputs.chain(generics).map(conditions).sum()
}

fn says(path: &syn::Path, last: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == last)
}

/// Returns the generics and the predicates that callers of a function see.
fn generics(sig: &Signature) -> Vec<String> {
    let params = sig.generics.params.iter().filter_map(|param| match param {
        // rustc refuses a default at the original.
        GenericParam::Type(param) => {
            Some(TypeParam { eq_token: None, default: None, ..param.clone() }.to_token_stream())
        }
        GenericParam::Const(param) => {
            Some(ConstParam { eq_token: None, default: None, ..param.clone() }.to_token_stream())
        }
        GenericParam::Lifetime(_) => None,
    });
    let clause = sig.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let predicates = clause.filter(|predicate| !matches!(predicate, WherePredicate::Lifetime(_)));
    params.chain(predicates.map(ToTokens::to_token_stream)).map(spelled).collect()
}

/// Parses functions as in an `impl` block, where a function may have a receiver.
fn items(input: ParseStream<'_>) -> syn::Result<Vec<ImplItemFn>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        match input.parse()? {
            ImplItem::Fn(item) => items.push(item),
            other => return Err(syn::Error::new_spanned(other, "no function")),
        }
    }
    Ok(items)
}

/// Splits the tokens into the texts of the errors at the start, and the rest.
fn without_errors(output: &TokenStream) -> (Vec<String>, TokenStream) {
    let mut texts = Vec::new();
    let mut tokens: Vec<_> = output.clone().into_iter().collect();
    while let [_, _, std, _, _, name, _, TokenTree::Group(text), ..] = &tokens[..]
        && std.to_string() == "std"
        && name.to_string() == "compile_error"
    {
        let text = syn::parse2::<syn::LitStr>(text.stream()).map(|text| text.value());
        texts.push(text.unwrap_or_default());
        tokens.drain(..8);
    }
    (texts, tokens.into_iter().collect())
}

/// Splits the tokens of a body into its inner attributes and the rest.
fn split_inner(body: TokenStream) -> syn::Result<(Vec<syn::Attribute>, TokenStream)> {
    let split = |input: ParseStream<'_>| Ok((input.call(syn::Attribute::parse_inner)?, input.parse()?));
    Parser::parse2(split, body)
}

/// Empties the body: only rustc reads it, before it calls the macro.
fn emptied(tokens: TokenStream, body: &str) -> TokenStream {
    let empty = |token: TokenTree| match token {
        TokenTree::Group(group)
            if group.delimiter() == Delimiter::Brace
                && split_inner(group.stream()).is_ok_and(|(_, rest)| spelled(rest) == body) =>
        {
            Group::new(Delimiter::Brace, TokenStream::new()).into()
        }
        TokenTree::Group(group) => Group::new(group.delimiter(), emptied(group.stream(), body)).into(),
        other => other,
    };
    tokens.into_iter().map(empty).collect()
}

fn same(left: &impl ToTokens, right: &impl ToTokens) -> bool {
    spelled(left.to_token_stream()) == spelled(right.to_token_stream())
}

/// Checks `cases` cases, or as many as `PROPTEST_CASES` says.
fn run(cases: u32, strategy: impl Strategy<Value = Case>) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        // The same cases in each run: a failure then comes from a change of the macro.
        RngSeed::Random => 0,
    };
    config.rng_seed = RngSeed::Fixed(seed);
    let looked = TestRunner::new(config).run(&strategy, |case| case.holds().map_err(TestCaseError::fail));
    looked.unwrap_or_else(|error| panic!("PROPTEST_RNG_SEED={seed}\n{error}"));
}

#[test]
fn random_tokens() {
    let item = prop_oneof![1 => tokens(), 4 => function()];
    let cases = (any::<bool>(), options(), item).prop_map(|(pooled, options, item)| {
        let attribute = if pooled { AttributeMacro::Pooled } else { AttributeMacro::Parallel };
        Case { attribute, options, item }
    });
    run(3_000, cases);
}

#[test]
fn functions_with_mistakes() {
    let typos = (vec(typo(), 0..4), vec(typo(), 0..3));
    let cases = (select(corpus()), typos).prop_map(|(mut case, (in_item, in_options))| {
        case.item = in_item.iter().fold(case.item, |item, typo| typo.apply(&item));
        case.options = in_options.iter().fold(case.options, |options, typo| typo.apply(&options));
        case
    });
    run(6_000, cases);
}

#[test]
fn options_with_mistakes() {
    let cases = (select(corpus()), options()).prop_map(|(case, options)| Case { options, ..case });
    run(2_000, cases);
}

/// Without this test, the others could check nothing but refusals, or nothing at all.
#[test]
fn without_mistakes_they_are_accepted() {
    let (called, refused) = (tests_folder("it"), tests_folder("ui"));
    assert!(called.len() > 200 && refused.len() > 100, "{} and {}", called.len(), refused.len());
    let is_macro =
        |case: &Case| spelled(case.item.clone()).contains('$') || spelled(case.options.clone()).contains('$');
    for case in called.iter().filter(|case| !is_macro(case)) {
        let (errors, _) = without_errors(&case.expanded());
        assert!(errors.is_empty(), "{errors:?}: {case:?}");
        case.holds().unwrap_or_else(|what| panic!("{what}"));
    }
    let errors = refused.iter().filter(|case| !without_errors(&case.expanded()).0.is_empty()).count();
    assert!(errors > 80, "only {errors} are refused");
}

//! Random tokens, and functions with random mistakes, through all of the macro. Whatever comes in: no panic, and what goes out
//! is the expansion, or an error beside something that parses. `PROPTEST_CASES` runs more, `PROPTEST_RNG_SEED` others.

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::sample::Index;
use proptest::sample::select;
use proptest::test_runner::Config;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestRunner;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{
    ConstParam, FnArg, GenericParam, ImplItem, ImplItemFn, Item as AnyItem, Meta, Signature, Stmt, Type, TypeParam,
    WherePredicate,
};

use crate::args::Args;
use crate::args::Attribute;
use crate::fallback::answer;
use crate::model::Item;
use crate::valid::check;

/// One use of an attribute.
#[derive(Clone)]
struct Case {
    attribute: Attribute,
    options: TokenStream,
    item: TokenStream,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.attribute == Attribute::Parallel { "parallel" } else { "pooled" };
        let mut text = format!("#[{word}(");
        spell(self.options.clone(), Some(['⟦', '⟧']), &mut text);
        text.push_str(")] ");
        spell(self.item.clone(), Some(['⟦', '⟧']), &mut text);
        f.write_str(&text)
    }
}

impl Case {
    fn expanded(&self) -> TokenStream {
        let args = Args::parse(self.attribute, self.options.clone());
        let item = Item::parse(self.item.clone());
        let verdict = check(&args, &item);
        answer(args, item, verdict)
    }

    fn holds(&self) -> Result<(), String> {
        let output = self.expanded();
        let wrong = |what: &str| Err(format!("{what}: {self:?}\n\nbecame\n\n{}", spelled(output.clone())));
        let (errors, rest) = without_errors(&output);
        if errors.iter().any(|text| text.trim().is_empty()) {
            return wrong("an error without words");
        }
        let Some(function) = Read::of(&self.item) else {
            if spelled(rest) != spelled(self.item.clone()) {
                return wrong("what is no function does not stay as it was");
            }
            let known = match syn::parse2(self.item.clone()) {
                Ok(AnyItem::Macro(item)) => item.mac.path.is_ident("macro_rules"),
                Ok(AnyItem::Verbatim(_)) | Err(_) => false,
                Ok(_) => true,
            };
            return if known && errors.is_empty() { wrong("no function, and no error") } else { Ok(()) };
        };
        let items = match Parser::parse2(items, emptied(rest, &spelled(function.body.to_token_stream()))) {
            Ok(items) => items,
            // Which rustc reads as a value, and only then says that there is none.
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

    /// A function with a conditional parameter became two, each of them without the condition and with the attribute.
    fn halves(&self, items: &[ImplItemFn]) -> Result<(), String> {
        if items.len() != 2 {
            return Err(format!("{} halves: {self:?}", items.len()));
        }
        for half in items {
            let [condition, again, others @ ..] = &half.attrs[..] else {
                return Err(format!("a half without its attributes: {self:?}"));
            };
            let inputs = conditional(&half.sig);
            if !condition.path().is_ident("cfg") || inputs >= conditional(&Read::of(&self.item).ok_or("unread")?.sig) {
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
struct Read {
    attrs: Vec<syn::Attribute>,
    vis: syn::Visibility,
    sig: Signature,
    body: Group,
}

impl Read {
    fn of(tokens: &TokenStream) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let (attrs, vis, sig) = (input.call(syn::Attribute::parse_outer)?, input.parse()?, input.parse()?);
            let mut token = input.parse()?;
            // `$body:block` of a macro.
            while let TokenTree::Group(group) = &token
                && group.delimiter() == Delimiter::None
                && let Ok(inner) = syn::parse2(group.stream())
            {
                token = inner;
            }
            match token {
                TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => Ok(Read { attrs, vis, sig, body }),
                other => Err(syn::Error::new(other.span(), "no body")),
            }
        };
        Parser::parse2(read, tokens.clone()).ok()
    }

    fn is_conditional(&self) -> bool {
        conditional(&self.sig) > 0
    }

    /// What is to be refused at the first look.
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

    /// Whether an accepted function is all there: its name, its generics, its body.
    fn is_kept(&self, call: &ImplItemFn, beside: &[ImplItemFn], output: &TokenStream) -> Result<(), String> {
        let here = |attr: &str, attrs: &[syn::Attribute]| attrs.iter().filter(|a| a.path().is_ident(attr)).count();
        let handle = match &call.sig.output {
            syn::ReturnType::Type(_, ty) => matches!(&**ty, Type::Path(ty) if says(&ty.path, "AsyncValue")),
            syn::ReturnType::Default => false,
        };
        let inside = call.block.stmts.iter().find_map(|stmt| match stmt {
            Stmt::Item(AnyItem::Fn(original)) => Some((&original.attrs, &original.sig)),
            _ => None,
        });
        let (attrs, original) = match (inside, beside) {
            (Some(original), []) => original,
            (None, [original]) => (&original.attrs, &original.sig),
            _ => return Err("one original is to be inside or beside".to_owned()),
        };
        let mut renamed = Signature { ident: original.ident.clone(), ..self.sig.clone() };
        if spelled(self.sig.output.to_token_stream()).contains("impl ") {
            // Says what it captures.
            renamed.output = original.output.clone();
        }
        let attributes = |name| here(name, &call.attrs).max(here(name, attrs));
        let held = [
            ("the call returns a handle", handle),
            ("the call knows its caller", here("track_caller", &call.attrs) == 1),
            ("the visibility stays", same(&call.vis, &self.vis)),
            ("the generics stay", generics(&call.sig) == generics(&self.sig)),
            ("the docs stay", here("doc", &call.attrs) == here("doc", &self.attrs)),
            ("the conditions stay", here("cfg", &call.attrs) == here("cfg", &self.attrs)),
            ("the rest goes with the body", attributes("inline") == here("inline", &self.attrs)),
            ("the original is called otherwise", original.ident != self.sig.ident),
            ("the signature of the original stays", same(original, &renamed)),
            ("the body stays", spelled(output.clone()).contains(&spelled(self.body.to_token_stream()))),
        ];
        match held.iter().find(|(_, holds)| !holds) {
            Some((what, _)) => Err(format!("not so: {what}")),
            None => Ok(()),
        }
    }
}

/// Whether a lone `crate` is the value of an option, which syn reads as an expression and not as a statement.
fn says_crate(options: &TokenStream) -> bool {
    options.clone().into_iter().any(|token| match token {
        TokenTree::Group(group) => says_crate(&group.stream()),
        token => token.to_string() == "crate",
    })
}

fn conditional(sig: &Signature) -> usize {
    let attrs = sig.inputs.iter().map(|input| match input {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(param) => &param.attrs,
    });
    attrs.filter(|attrs| attrs.iter().any(|attr| attr.path().is_ident("cfg"))).count()
}

fn says(path: &syn::Path, last: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == last)
}

/// The parameters and the predicates of a function that its callers can see.
fn generics(sig: &Signature) -> Vec<String> {
    let params = sig.generics.params.iter().filter_map(|param| match param {
        // A default is an error of rustc's at the original.
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

/// Functions as they stand in a block of an `impl`, where they may have a receiver and be beside one another.
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

/// The texts of the errors that stand in front, and what comes after them.
fn without_errors(output: &TokenStream) -> (Vec<String>, TokenStream) {
    let mut texts = Vec::new();
    let mut tokens: Vec<_> = output.clone().into_iter().collect();
    while let [_, _, core, _, _, name, _, TokenTree::Group(text), ..] = &tokens[..]
        && core.to_string() == "core"
        && name.to_string() == "compile_error"
    {
        let text = syn::parse2::<syn::LitStr>(text.stream()).map(|text| text.value());
        texts.push(text.unwrap_or_default());
        tokens.drain(..8);
    }
    (texts, tokens.into_iter().collect())
}

/// The tokens with nothing in the body: only rustc reads that, and it has read it before it calls the macro.
fn emptied(tokens: TokenStream, body: &str) -> TokenStream {
    let empty = |token: TokenTree| match token {
        TokenTree::Group(group) if spelled(group.to_token_stream()) == body => {
            Group::new(Delimiter::Brace, TokenStream::new()).into()
        }
        TokenTree::Group(group) => Group::new(group.delimiter(), emptied(group.stream(), body)).into(),
        other => other,
    };
    tokens.into_iter().map(empty).collect()
}

/// The tokens as text, without what does not count: whether two of them touch, and the invisible groups.
fn spelled(tokens: TokenStream) -> String {
    let mut text = String::new();
    spell(tokens, None, &mut text);
    text
}

fn spell(tokens: TokenStream, invisible: Option<[char; 2]>, text: &mut String) {
    for token in tokens {
        let TokenTree::Group(group) = token else {
            text.push_str(&token.to_string());
            text.push(' ');
            continue;
        };
        let ends = match group.delimiter() {
            Delimiter::Parenthesis => Some(['(', ')']),
            Delimiter::Brace => Some(['{', '}']),
            Delimiter::Bracket => Some(['[', ']']),
            Delimiter::None => invisible,
        };
        text.extend(ends.iter().flat_map(|[open, _]| [*open, ' ']));
        spell(group.stream(), invisible, text);
        text.extend(ends.iter().flat_map(|[_, close]| [*close, ' ']));
    }
}

fn same(left: &impl ToTokens, right: &impl ToTokens) -> bool {
    spelled(left.to_token_stream()) == spelled(right.to_token_stream())
}

/// Every use of the attributes in the files of a folder, and below it.
fn uses_in(folder: &Path) -> Vec<Case> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut uses = Vec::new();
    for path in paths {
        if path.is_dir() {
            uses.extend(uses_in(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            find(&TokenStream::from_str(&text).unwrap_or_default(), &mut uses);
        }
    }
    uses
}

/// Adds each item under one of our attributes, up to its braces or its semicolon.
fn find(tokens: &TokenStream, uses: &mut Vec<Case>) {
    let tokens: Vec<_> = tokens.clone().into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        find(&group.stream(), uses);
        let Ok(meta) = syn::parse2::<Meta>(group.stream()) else { continue };
        let attribute = match meta.path().segments.last().map(|last| last.ident.to_string()).as_deref() {
            Some("parallel") => Attribute::Parallel,
            Some("pooled") => Attribute::Pooled,
            _ => continue,
        };
        let options = meta.require_list().map(|list| list.tokens.clone()).unwrap_or_default();
        let mut item = TokenStream::new();
        for token in &tokens[index + 1..] {
            item.extend([token.clone()]);
            let ends = match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(punct) => punct.as_char() == ';',
                _ => false,
            };
            if ends {
                break;
            }
        }
        uses.push(Case { attribute, options, item });
    }
}

fn tests_folder(name: &str) -> Vec<Case> {
    uses_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").join(name))
}

/// What the tests call, what they say must be refused, and some of ours with many things at once.
fn corpus() -> Vec<Case> {
    let mut uses = tests_folder("it");
    uses.extend(tests_folder("ui"));
    let tokens = |text| TokenStream::from_str(text).unwrap_or_default();
    for attribute in [Attribute::Parallel, Attribute::Pooled] {
        uses.extend(ITEMS.map(|item| Case { attribute, options: tokens(OPTIONS), item: tokens(item) }));
    }
    uses
}

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

/// Words that mean something to the macro, or nothing.
const WORDS: &str = "fn self Self crate super pub in const async unsafe safe extern impl dyn for where mut ref move static \
    default union auto struct enum trait type mod use let if else match loop while return break as box gen try yield raw \
    macro_rules parallel pooled workers queue on_full pool sync cfg cfg_attr doc expect allow deprecated must_use inline \
    no_mangle export_name track_caller reason Result AsyncValue Arc Box Pin Rc Fn FnMut FnOnce Send Sized main f x T 'a \
    'static '_ 'fn r#fn r#Self_ __asynctools_f arg0 _ u8 str \"block\" \"\" \"run\" b\"x\" c\"x\" r#\"x\"# 'x' b'x' 0 5 -1 1.5 5usize \
    99999999999999999999999999 0x10 true #[doc=\"x\"] #[cfg(x)] #![allow(y)] #[unsafe(no_mangle)] &mut &'a -> => :: .. ... \
    ..= == = , ; : + - * / ! ? . # $ & < > | @ ~ ^ % ' \" <T> (&self) (mut+self) 'a:'b for<'a> use<> impl+Fn(&u8)->&u8 \
    -> -> Result<u8,E> where+T:X ...";

/// One word, which may be several tokens.
fn word() -> impl Strategy<Value = Vec<TokenTree>> {
    let read = |word: &str| TokenStream::from_str(&word.replace('+', " ")).ok().map(|word| word.into_iter().collect());
    let words: Vec<Vec<TokenTree>> = WORDS.split_whitespace().filter_map(read).collect();
    let punct = |sign, touches| Punct::new(sign, if touches { Spacing::Joint } else { Spacing::Alone }).into();
    let signs: Vec<char> = "=<>!~+-*/%^&|@.,;:#$?'".chars().collect();
    prop_oneof![
        8 => select(words),
        1 => (select(signs), any::<bool>()).prop_map(move |(sign, touches)| vec![punct(sign, touches)]),
        1 => any::<u64>().prop_map(|n| vec![Literal::u64_unsuffixed(n).into()]),
        1 => any::<char>().prop_map(|text| vec![Literal::string(&text.to_string()).into()]),
    ]
}

fn tokens() -> impl Strategy<Value = TokenStream> {
    let flat = vec(word(), 0..6).prop_map(|words| words.into_iter().flatten().collect::<TokenStream>());
    flat.prop_recursive(4, 64, 4, |inner| {
        let delimiters = select(vec![Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None]);
        let group = (delimiters, inner).prop_map(|(delimiter, inner)| vec![Group::new(delimiter, inner).into()]);
        let part = prop_oneof![2 => word(), 1 => group];
        vec(part, 0..6).prop_map(|parts| parts.into_iter().flatten().collect())
    })
}

/// A part of a signature: right ones, or a random one.
fn part(right: &'static str) -> impl Strategy<Value = TokenStream> {
    let right: Vec<_> = right.split('|').filter_map(|text| TokenStream::from_str(text).ok()).collect();
    prop_oneof![12 => select(right), 1 => tokens()]
}

/// A function with one or two parts that may be anything.
fn shaped() -> impl Strategy<Value = TokenStream> {
    let types = "u8|&str|&'a [T]|&mut u8|&'static str|impl Fn(&u8) -> &u8|(T, [u8; N])|&(dyn A + B)|Result<u8, E>|\
        io::Result<impl A>|own::Result<u8>|Vec<&'a T>|Cow<'_, str>|<T as A>::B|!|fn(&u8)|&impl A|F|m!(x)|*const u8";
    let before = part(
        "|#[doc = \"x\"] pub|pub(crate)|#[cfg(x)] #[inline]|const|unsafe|async|#[expect(dead_code, x, reason = \"\")]",
    );
    let generic = part("|<T>|<'a, 'b: 'a, T: A + 'a, const N: usize>|<F: Fn(&u8)>|<T = u8>|<#[cfg(x)] T: ?Sized>");
    let pattern = part("a|mut b|_|(c, mut d)|ref e|S { f, .. }|#[cfg(x)] g|[h, ..]|i @ _|r#fn|#[x] j|&k|arg0|m!()");
    let receiver =
        part("|self|&self|mut self|&mut self|&'a self|self: Arc<Self>|self: Box<Self>|self: &Self|#[cfg(y)] self");
    let params = vec((pattern, part(types)), 0..4);
    let result = prop_oneof![1 => Just(None), 4 => part(types).prop_map(Some)];
    let clause = part("|where T: A|where T: A<'a>, F: FnOnce() -> u8, 'a: 'b,|where for<'x> T: Fn(&'x u8), [u8; N]: B");
    let body = part("{}|{ a }|{ Self::a() }|{ struct S; impl S { fn f() -> Self { S } } }|{ #![allow(x)] return }|;");
    (before, generic, receiver, params, result, clause, body).prop_map(
        |(before, generic, receiver, params, result, clause, body)| {
            let params = params.iter().map(|(pattern, ty)| quote!(#pattern: #ty));
            let comma = (!receiver.is_empty()).then(|| quote!(,));
            let result = result.map(|ty| quote!(-> #ty));
            quote!(#before fn f #generic (#receiver #comma #(#params),*) #result #clause #body)
        },
    )
}

fn options() -> impl Strategy<Value = TokenStream> {
    let keys = select(vec!["workers", "queue", "on_full", "pool", "sync", "crate", "worker", "x"]);
    let named = (keys, tokens()).prop_map(|(name, value)| {
        let name = Ident::new(name, Span::call_site());
        quote!(#name = #value)
    });
    let right = select(vec!["workers = 5", "queue = 9", "on_full = \"block\"", "pool = P", "sync = g", "crate = a::b"]);
    let right = right.prop_map(|option| TokenStream::from_str(option).unwrap_or_default());
    let one = prop_oneof![4 => right, 2 => named, 1 => tokens()];
    vec(one, 0..4).prop_map(|options| quote!(#(#options),*))
}

/// A mistake in writing, somewhere in the tree of the tokens.
#[derive(Clone, Debug)]
enum Slip {
    Delete(Index),
    Double(Index),
    Swap(Index, Index),
    Replace(Index, Vec<TokenTree>),
    Insert(Index, Vec<TokenTree>),
    Wrap(Index, Delimiter),
    Unwrap(Index),
}

fn slip() -> impl Strategy<Value = Slip> {
    let delimiter = select(vec![Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None]);
    prop_oneof![
        any::<Index>().prop_map(Slip::Delete),
        any::<Index>().prop_map(Slip::Double),
        any::<(Index, Index)>().prop_map(|(a, b)| Slip::Swap(a, b)),
        (any::<Index>(), word()).prop_map(|(at, word)| Slip::Replace(at, word)),
        (any::<Index>(), word()).prop_map(|(at, word)| Slip::Insert(at, word)),
        (any::<Index>(), delimiter).prop_map(|(at, delimiter)| Slip::Wrap(at, delimiter)),
        any::<Index>().prop_map(Slip::Unwrap),
    ]
}

impl Slip {
    fn happen(&self, tokens: &TokenStream) -> TokenStream {
        let size = size(tokens);
        if size == 0 {
            return tokens.clone();
        }
        let edit = |at: usize, with: &dyn Fn(TokenTree) -> Vec<TokenTree>| edited(tokens, &mut at.clone(), with);
        match self {
            Slip::Delete(at) => edit(at.index(size), &|_| Vec::new()),
            Slip::Double(at) => edit(at.index(size), &|token| vec![token.clone(), token]),
            Slip::Replace(at, word) => edit(at.index(size), &|_| word.clone()),
            Slip::Insert(at, word) => edit(at.index(size), &|token| [&word[..], &[token]].concat()),
            Slip::Wrap(at, delimiter) => {
                edit(at.index(size), &|token| vec![Group::new(*delimiter, token.into()).into()])
            }
            Slip::Unwrap(at) => edit(at.index(size), &|token| match token {
                TokenTree::Group(group) => group.stream().into_iter().collect(),
                other => vec![other],
            }),
            Slip::Swap(a, b) => {
                let (a, b) = (a.index(size), b.index(size));
                let (first, second) = (nth(tokens, &mut a.clone()), nth(tokens, &mut b.clone()));
                let swapped = edited(tokens, &mut b.clone(), &|_| first.iter().cloned().collect());
                edited(&swapped, &mut a.clone(), &|_| second.iter().cloned().collect())
            }
        }
    }
}

/// How many tokens there are at all depths; a group counts before what is in it.
fn size(tokens: &TokenStream) -> usize {
    let each = tokens.clone().into_iter().map(|token| match token {
        TokenTree::Group(group) => 1 + size(&group.stream()),
        _ => 1,
    });
    each.sum()
}

fn nth(tokens: &TokenStream, left: &mut usize) -> Option<TokenTree> {
    for token in tokens.clone() {
        if *left == 0 {
            return Some(token);
        }
        *left -= 1;
        if let TokenTree::Group(group) = token
            && let Some(found) = nth(&group.stream(), left)
        {
            return Some(found);
        }
    }
    None
}

/// The tokens with others in place of the one that comes after `left` others.
fn edited(tokens: &TokenStream, left: &mut usize, with: &dyn Fn(TokenTree) -> Vec<TokenTree>) -> TokenStream {
    let mut edited_tokens = TokenStream::new();
    for token in tokens.clone() {
        // What comes after the place counts on to a number that is never reached.
        let here = *left == 0;
        *left = left.wrapping_sub(1);
        match token {
            token if here => edited_tokens.extend(with(token)),
            TokenTree::Group(group) => {
                let stream = edited(&group.stream(), left, with);
                edited_tokens.extend([TokenTree::from(Group::new(group.delimiter(), stream))]);
            }
            other => edited_tokens.extend([other]),
        }
    }
    edited_tokens
}

/// Looks at so many cases, or as many as `PROPTEST_CASES` says.
fn run(cases: u32, strategy: impl Strategy<Value = Case>) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        // The same each time: what fails is then the fault of a change.
        RngSeed::Random => 0,
    };
    config.rng_seed = RngSeed::Fixed(seed);
    let looked = TestRunner::new(config).run(&strategy, |case| case.holds().map_err(TestCaseError::fail));
    looked.unwrap_or_else(|error| panic!("PROPTEST_RNG_SEED={seed}\n{error}"));
}

#[test]
fn random_tokens() {
    let item = prop_oneof![1 => tokens(), 4 => shaped()];
    let cases = (any::<bool>(), options(), item).prop_map(|(pooled, options, item)| {
        let attribute = if pooled { Attribute::Pooled } else { Attribute::Parallel };
        Case { attribute, options, item }
    });
    run(3_000, cases);
}

#[test]
fn functions_with_mistakes() {
    let slips = (vec(slip(), 0..4), vec(slip(), 0..3));
    let cases = (select(corpus()), slips).prop_map(|(mut case, (in_item, in_options))| {
        case.item = in_item.iter().fold(case.item, |item, slip| slip.happen(&item));
        case.options = in_options.iter().fold(case.options, |options, slip| slip.happen(&options));
        case
    });
    run(6_000, cases);
}

#[test]
fn options_with_mistakes() {
    let cases = (select(corpus()), options()).prop_map(|(case, options)| Case { options, ..case });
    run(2_000, cases);
}

/// Else the other tests would look at nothing but refusals, or at nothing.
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

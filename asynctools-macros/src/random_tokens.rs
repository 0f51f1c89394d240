//! Random tokens, random functions and options, and random mistakes in tokens.

use std::str::FromStr;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::collection::vec;
use proptest::prelude::Just;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prop_oneof;
use proptest::sample::Index;
use proptest::sample::select;
use quote::quote;

/// Words with a meaning for the macro, and words without one.
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

pub(crate) fn tokens() -> impl Strategy<Value = TokenStream> {
    let flat = vec(word(), 0..6).prop_map(|words| words.into_iter().flatten().collect::<TokenStream>());
    flat.prop_recursive(4, 64, 4, |inner| {
        let delimiters = select(vec![Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None]);
        let group = (delimiters, inner).prop_map(|(delimiter, inner)| vec![Group::new(delimiter, inner).into()]);
        let part = prop_oneof![2 => word(), 1 => group];
        vec(part, 0..6).prop_map(|parts| parts.into_iter().flatten().collect())
    })
}

/// A part of a signature: mostly a right one of a list, else random tokens.
fn part(right: &'static str) -> impl Strategy<Value = TokenStream> {
    let right: Vec<_> = right.split('|').filter_map(|text| TokenStream::from_str(text).ok()).collect();
    prop_oneof![12 => select(right), 1 => tokens()]
}

/// A function of which some parts are random tokens.
pub(crate) fn function() -> impl Strategy<Value = TokenStream> {
    let types = "u8|&str|&'a [T]|&mut u8|&'static str|impl Fn(&u8) -> &u8|(T, [u8; N])|&(dyn A + B)|Result<u8, E>|\
        io::Result<impl A>|own::Result<u8>|Vec<&'a T>|Cow<'_, str>|<T as A>::B|!|fn(&u8)|&impl A|F|m!(x)|*const u8";
    let before = part(
        "|#[doc = \"x\"] pub|pub(crate)|#[cfg(x)] #[inline]|const|unsafe|async|#[expect(dead_code, x, reason = \"\")]",
    );
    let generic = part("|<T>|<'a, 'b: 'a, T: A + 'a, const N: usize>|<F: Fn(&u8)>|<T = u8>|<#[cfg(x)] T: ?Sized>");
    let pattern = part(
        "a|mut b|_|(c, mut d)|ref e|S { f, .. }|#[cfg(x)] g|#[cfg_attr(x, cfg(y), allow(z))] g|#[cfg_attr(x, allow(z))] g|[h, ..]|i @ _|r#fn|#[x] j|&k|arg0|m!()",
    );
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

pub(crate) fn options() -> impl Strategy<Value = TokenStream> {
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

/// A mistake somewhere in the tree of the tokens.
#[derive(Clone, Debug)]
pub(crate) enum Typo {
    Delete(Index),
    Double(Index),
    Swap(Index, Index),
    Replace(Index, Vec<TokenTree>),
    Insert(Index, Vec<TokenTree>),
    Wrap(Index, Delimiter),
    Unwrap(Index),
}

pub(crate) fn typo() -> impl Strategy<Value = Typo> {
    let delimiter = select(vec![Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None]);
    prop_oneof![
        any::<Index>().prop_map(Typo::Delete),
        any::<Index>().prop_map(Typo::Double),
        any::<(Index, Index)>().prop_map(|(a, b)| Typo::Swap(a, b)),
        (any::<Index>(), word()).prop_map(|(at, word)| Typo::Replace(at, word)),
        (any::<Index>(), word()).prop_map(|(at, word)| Typo::Insert(at, word)),
        (any::<Index>(), delimiter).prop_map(|(at, delimiter)| Typo::Wrap(at, delimiter)),
        any::<Index>().prop_map(Typo::Unwrap),
    ]
}

impl Typo {
    pub(crate) fn apply(&self, tokens: &TokenStream) -> TokenStream {
        let size = size(tokens);
        if size == 0 {
            return tokens.clone();
        }
        let edit = |at: usize, with: &dyn Fn(TokenTree) -> Vec<TokenTree>| edited(tokens, &mut at.clone(), with);
        match self {
            Typo::Delete(at) => edit(at.index(size), &|_| Vec::new()),
            Typo::Double(at) => edit(at.index(size), &|token| vec![token.clone(), token]),
            Typo::Replace(at, word) => edit(at.index(size), &|_| word.clone()),
            Typo::Insert(at, word) => edit(at.index(size), &|token| [&word[..], &[token]].concat()),
            Typo::Wrap(at, delimiter) => {
                edit(at.index(size), &|token| vec![Group::new(*delimiter, token.into()).into()])
            }
            Typo::Unwrap(at) => edit(at.index(size), &|token| match token {
                TokenTree::Group(group) => group.stream().into_iter().collect(),
                other => vec![other],
            }),
            Typo::Swap(a, b) => {
                let (a, b) = (a.index(size), b.index(size));
                let (first, second) = (nth(tokens, &mut a.clone()), nth(tokens, &mut b.clone()));
                let swapped = edited(tokens, &mut b.clone(), &|_| first.iter().cloned().collect());
                edited(&swapped, &mut a.clone(), &|_| second.iter().cloned().collect())
            }
        }
    }
}

/// Counts the tokens at all depths.
fn size(tokens: &TokenStream) -> usize {
    let each = tokens.clone().into_iter().map(|token| match token {
        TokenTree::Group(group) => 1 + size(&group.stream()),
        _ => 1,
    });
    each.sum()
}

/// Returns the token at position `left`.
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

/// Replaces the token at position `left`. A group comes before its tokens.
fn edited(tokens: &TokenStream, left: &mut usize, with: &dyn Fn(TokenTree) -> Vec<TokenTree>) -> TokenStream {
    let mut edited_tokens = TokenStream::new();
    for token in tokens.clone() {
        // After the position the count wraps round to a number that no stream of tokens reaches.
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

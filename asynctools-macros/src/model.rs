//! What the attribute stands on, and questions about it. The body stays an unparsed stream of tokens: it is handed on as it
//! was written, and nothing in it can be misread.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::token::Paren;
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, PatType, Path, PathArguments, Receiver, Result,
    ReturnType, Signature, Type, TypeParamBound, TypeTuple, Visibility, WherePredicate,
};

use crate::walk::Part;
use crate::walk::walk_type;

pub(crate) enum Item {
    Function(Box<Function>),
    Other(Other),
}

/// What is no function with a body.
pub(crate) struct Other {
    pub(crate) kind: Kind,
    pub(crate) tokens: TokenStream,
}

pub(crate) enum Kind {
    /// An item, by the article and the noun that it goes by.
    Named(&'static str),
    /// A function that a trait or a foreign block only declares.
    Bodiless,
    /// A statement or an expression; rustc takes no attribute there, and has said so.
    Code,
    /// A function that syn cannot read.
    Unread(Error),
}

pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The braces and what is in them.
    pub(crate) body: Group,
    /// The parameters after the receiver.
    pub(crate) params: Vec<Param>,
    /// Whether the function is known to stand in an `impl` block: it has a receiver, or says `Self`.
    pub(crate) in_impl: bool,
}

pub(crate) struct Param {
    pub(crate) syntax: PatType,
    pub(crate) form: Form,
    pub(crate) ends: Ends,
}

/// The first and the last token of a type: what rustc blames reaches from one of them to the other. Asked for once, since each
/// question to the compiler takes longer than all that is ours.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) whole: Span,
    pub(crate) last: Span,
}

impl Ends {
    pub(crate) fn of(tokens: &impl ToTokens) -> Ends {
        let mut spans = tokens.to_token_stream().into_iter().map(|token| token.span());
        let first = spans.next().unwrap_or_else(Span::call_site);
        let last = spans.last().unwrap_or(first);
        Ends { whole: first.join(last).unwrap_or(first), last }
    }
}

/// How an argument reaches its parameter.
pub(crate) enum Form {
    /// As `impl Arg<T>`.
    Value,
    /// As `impl ArgRef<B>`; this is the `B` of the `&B`.
    Borrowed(Box<Type>),
    /// As it is: an `impl Trait` or a closure cannot be inferred through another trait.
    Plain,
}

pub(crate) enum Receives {
    Value,
    Reference,
    Box,
    Arc,
    Mutable,
    Other,
}

/// The error that the function can pass on from a call that it waits for.
pub(crate) enum Failure {
    Never,
    /// The `E` of a `Result<T, E>`.
    Named(Type),
    /// Whatever this `Result` fails with; its `impl Trait`s are `()`, because they have no name elsewhere.
    Projected(Type),
}

impl Item {
    pub(crate) fn parse(tokens: TokenStream) -> Item {
        match Function::parse.parse2(tokens.clone()) {
            Ok(function) => Item::Function(Box::new(function)),
            Err(error) => {
                let kind = Kind::of.parse2(tokens.clone()).ok().flatten();
                Item::Other(Other { kind: kind.unwrap_or(Kind::Unread(error)), tokens })
            }
        }
    }
}

impl Kind {
    /// `None` is a function.
    fn of(input: ParseStream<'_>) -> Result<Option<Kind>> {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let tokens: TokenStream = input.parse()?;
        let last = tokens.clone().into_iter().last();
        let mut words = tokens
            .into_iter()
            .map(|token| token.to_string())
            .filter(|word| !matches!(word.as_str(), "unsafe" | "safe" | "async" | "gen" | "auto" | "default"));
        let word = words.next().unwrap_or_default();
        let next = words.next().unwrap_or_default();
        let is_fn = word == "fn" || next == "fn" || words.next().is_some_and(|word| word == "fn");
        Ok(Some(match word.as_str() {
            "const" if !is_fn => Kind::Named("a constant"),
            "extern" if next == "crate" => Kind::Named("an `extern crate`"),
            "extern" if !is_fn => Kind::Named("an `extern` block"),
            "struct" => Kind::Named("a struct"),
            "enum" => Kind::Named("an enum"),
            "union" if next != "(" => Kind::Named("a union"),
            "trait" => Kind::Named("a trait"),
            "impl" => Kind::Named("an `impl` block"),
            "mod" => Kind::Named("a module"),
            "use" => Kind::Named("a `use`"),
            "static" => Kind::Named("a static"),
            "type" => Kind::Named("a type alias"),
            "macro_rules" => Kind::Named("a macro"),
            "fn" | "const" | "extern" => match last {
                Some(TokenTree::Punct(end)) if end.as_char() == ';' => Kind::Bodiless,
                _ => return Ok(None),
            },
            _ => Kind::Code,
        }))
    }
}

impl Function {
    fn parse(input: ParseStream<'_>) -> Result<Function> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        let body = braces(input.parse()?)?;
        let closures = closure_params(&sig);
        let typed = sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(param),
            FnArg::Receiver(_) => None,
        });
        let params = typed.map(|param| Param {
            form: Form::of(&param.ty, &closures),
            ends: Ends::of(&param.ty),
            syntax: param.clone(),
        });
        let params = params.collect();
        let in_impl =
            sig.receiver().is_some() || says_self(sig.to_token_stream(), false) || says_self(body.stream(), true);
        Ok(Function { attrs, vis, sig, body, params, in_impl })
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    pub(crate) fn borrows(&self) -> bool {
        self.params.iter().any(|param| matches!(param.form, Form::Borrowed(_)))
    }

    pub(crate) fn is_main(&self) -> bool {
        self.sig.ident == "main" && self.receiver().is_none()
    }

    /// The written result, without the parentheses and groups around it.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(bare(ty)),
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        let Some(Type::Path(path)) = self.output() else {
            return Failure::Never;
        };
        let Some(last) = path.path.segments.last().filter(|last| last.ident == "Result") else {
            return Failure::Never;
        };
        if let PathArguments::AngleBracketed(arguments) = &last.arguments {
            let mut types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            if let Some(error) = types.nth(1) {
                // No other call can name this error, so none can pass one on to this function.
                let nameless = says_impl(error);
                return if nameless { Failure::Never } else { Failure::Named(error.clone()) };
            }
        }
        let mut result = Type::Path(path.clone());
        walk_type(&mut result, &mut |part| {
            if let Part::Impl(ty) = part {
                *ty = Type::Tuple(TypeTuple { paren_token: Paren::default(), elems: Punctuated::new() });
            }
        });
        Failure::Projected(result)
    }

    /// The first input that is there on a condition only.
    pub(crate) fn conditional_input(&self) -> Option<usize> {
        let attrs = self.sig.inputs.iter().map(|input| match input {
            FnArg::Receiver(receiver) => &receiver.attrs,
            FnArg::Typed(param) => &param.attrs,
        });
        attrs.into_iter().position(|attrs| attrs.iter().any(|attr| attr.path().is_ident("cfg")))
    }
}

impl Form {
    fn of(ty: &Type, closures: &[&Ident]) -> Form {
        match bare(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => Form::Plain,
            Type::Reference(reference) => match &reference.lifetime {
                Some(lifetime) if lifetime.ident == "static" => Form::Value,
                _ => Form::Borrowed(Box::new(bare(&reference.elem).clone())),
            },
            Type::BareFn(_) => Form::Plain,
            Type::Path(path) if path.path.get_ident().is_some_and(|name| closures.contains(&name)) => Form::Plain,
            ty if says_impl(ty) => Form::Plain,
            _ => Form::Value,
        }
    }
}

impl Receives {
    pub(crate) fn of(receiver: &Receiver) -> Receives {
        match bare(&receiver.ty) {
            Type::Reference(reference) if reference.mutability.is_some() => Receives::Mutable,
            Type::Reference(reference) if is_self(&reference.elem) => Receives::Reference,
            Type::Path(path) => match path.path.segments.last() {
                _ if is_self(&receiver.ty) => Receives::Value,
                Some(last) if last.ident == "Box" && holds_self(&last.arguments) => Receives::Box,
                Some(last) if last.ident == "Arc" && holds_self(&last.arguments) => Receives::Arc,
                _ => Receives::Other,
            },
            _ => Receives::Other,
        }
    }
}

/// Without the parentheses and the invisible groups that a macro leaves around a fragment.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(paren) => bare(&paren.elem),
        Type::Group(group) => bare(&group.elem),
        other => other,
    }
}

pub(crate) fn says_impl(ty: &Type) -> bool {
    let mut found = false;
    walk_type(&mut ty.clone(), &mut |part| found |= matches!(part, Part::Impl(_)));
    found
}

fn is_self(ty: &Type) -> bool {
    matches!(bare(ty), Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self"))
}

fn holds_self(arguments: &PathArguments) -> bool {
    match arguments {
        PathArguments::AngleBracketed(arguments) if arguments.args.len() == 1 => {
            matches!(&arguments.args[0], GenericArgument::Type(ty) if is_self(ty))
        }
        _ => false,
    }
}

/// The type parameters bounded by a closure trait, where a closure is inferred from its parameter's bound.
fn closure_params(sig: &Signature) -> Vec<&Ident> {
    let inline = sig.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some((&param.ident, &param.bounds)),
        _ => None,
    });
    let predicates = sig.generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    let after = predicates.filter_map(|predicate| match predicate {
        WherePredicate::Type(predicate) => match bare(&predicate.bounded_ty) {
            Type::Path(path) => Some((path.path.get_ident()?, &predicate.bounds)),
            _ => None,
        },
        _ => None,
    });
    let bounded = inline.chain(after);
    bounded.filter(|(_, bounds)| bounds.iter().any(is_closure_trait)).map(|(name, _)| name).collect()
}

fn is_closure_trait(bound: &TypeParamBound) -> bool {
    let last = |path: &Path| path.segments.last().map(|segment| segment.ident.to_string());
    matches!(bound, TypeParamBound::Trait(bound)
        if matches!(last(&bound.path).as_deref(), Some("Fn" | "FnMut" | "FnOnce")))
}

/// The group of braces that a body is, out of the invisible groups that a macro leaves around a fragment.
fn braces(token: TokenTree) -> Result<Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Ok(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            (|input: ParseStream<'_>| braces(input.parse()?)).parse2(group.stream())
        }
        other => Err(Error::new(other.span(), "expected the body of a function")),
    }
}

/// Whether `Self` stands in the tokens. In a body, an item of its own has its own `Self`.
fn says_self(tokens: TokenStream, in_body: bool) -> bool {
    let mut in_item = false;
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => match word.to_string().as_str() {
            "impl" | "trait" | "struct" | "enum" if in_body => {
                in_item = true;
                false
            }
            word => word == "Self" && !in_item,
        },
        TokenTree::Punct(punct) => {
            in_item &= punct.as_char() != ';';
            false
        }
        TokenTree::Group(group) if in_item => {
            in_item = group.delimiter() != Delimiter::Brace;
            false
        }
        TokenTree::Group(group) => says_self(group.stream(), in_body),
        TokenTree::Literal(_) => false,
    })
}

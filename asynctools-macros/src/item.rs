//! The annotated item, and questions about it. The body stays an unparsed stream of tokens: the expansion contains each
//! token of the user's, and the macro cannot misread any.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::token::Paren;
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, Lifetime, PatType, Path, PathArguments, QSelf,
    Receiver, Result, ReturnType, Signature, Type, TypeParamBound, TypePath, TypeReference, TypeTuple, Visibility,
    WherePredicate,
};

use crate::conditional::one_by_one;
use crate::self_search::shows_impl;
use crate::type_walk::TypePart;
use crate::type_walk::walk_type;
use crate::written::as_written;

pub(crate) enum AnnotatedItem {
    Function(Box<AnnotatedFunction>),
    Other(OtherItem),
}

/// An item that is no function with a body.
pub(crate) struct OtherItem {
    pub(crate) kind: OtherItemKind,
    pub(crate) tokens: TokenStream,
}

pub(crate) enum OtherItemKind {
    /// An item, with its article and noun.
    Named(&'static str),
    /// A function that a trait or a foreign block only declares.
    Bodiless,
    /// A statement or an expression. rustc allows no attribute there, and reports that itself.
    Code,
    /// A function that syn cannot read.
    Unread(Error),
}

pub(crate) struct AnnotatedFunction {
    /// The outer attributes, and the inner ones of the body.
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// The braces with their tokens, without inner attributes.
    pub(crate) body: Group,
    /// The parameters after the receiver.
    pub(crate) params: Vec<Param>,
    /// Whether tokens show that the function is in an `impl` block.
    pub(crate) in_impl: bool,
}

pub(crate) struct Param {
    pub(crate) syntax: PatType,
    pub(crate) passing: Passing,
    pub(crate) ends: Ends,
}

/// The span of a type and the span of its last token: rustc underlines from the start of an expression to its end. Each
/// type has these computed once, because a question to the compiler takes longer than the rest of the macro.
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

/// How a call takes the argument of a parameter.
pub(crate) enum Passing {
    /// As `impl Arg<T>`.
    ByValue,
    /// As `impl ArgRef<B>`, with the `B` of the `&B`.
    ByReference(Box<Type>),
    /// As a plain value: rustc cannot infer an `impl Trait` or a closure through another trait.
    Plain,
}

/// The form of `self` in the signature.
pub(crate) enum ReceiverKind {
    Value,
    Reference,
    /// `&'static self`, which is a value.
    StaticReference,
    Box,
    Arc,
    MutableReference,
    Other,
}

/// The error type of a call, which an argument that failed ends with its own error.
pub(crate) enum ErrorType {
    Never,
    /// The `E` of a `Result<T, E>`.
    Named(Type),
    /// The error type of this `Result`. Its `impl Trait`s are replaced by `()`, because they have no name elsewhere.
    Projected(Type),
}

impl AnnotatedItem {
    pub(crate) fn parse(tokens: TokenStream) -> AnnotatedItem {
        match AnnotatedFunction::parse.parse2(tokens.clone()) {
            Ok(function) => AnnotatedItem::Function(Box::new(function)),
            Err(error) => {
                let kind = OtherItemKind::of.parse2(tokens.clone()).ok().flatten();
                AnnotatedItem::Other(OtherItem { kind: kind.unwrap_or(OtherItemKind::Unread(error)), tokens })
            }
        }
    }
}

impl OtherItemKind {
    /// Returns `None` for a function with a body.
    fn of(input: ParseStream<'_>) -> Result<Option<OtherItemKind>> {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let tokens: TokenStream = input.parse()?;
        let last = tokens.clone().into_iter().last();
        let mut words = tokens
            .into_iter()
            .map(|token| token.to_string())
            .filter(|word| !matches!(word.as_str(), "unsafe" | "safe" | "async" | "gen" | "auto" | "default"));
        let word = words.next().unwrap_or_default();
        let pairs = words.clone().zip(words.clone().skip(1));
        let is_of_trait = pairs.into_iter().any(|(word, next)| word == "for" && next != "<");
        let next = words.next().unwrap_or_default();
        let is_fn = word == "fn" || next == "fn" || words.next().is_some_and(|word| word == "fn");
        Ok(Some(match word.as_str() {
            "const" if !is_fn => OtherItemKind::Named("a constant"),
            "extern" if next == "crate" => OtherItemKind::Named("an `extern crate`"),
            "extern" if !is_fn => OtherItemKind::Named("an `extern` block"),
            "struct" => OtherItemKind::Named("a struct"),
            "enum" => OtherItemKind::Named("an enum"),
            "union" if next != "(" => OtherItemKind::Named("a union"),
            "trait" => OtherItemKind::Named("a trait"),
            "impl" if is_of_trait => OtherItemKind::Named("an `impl` of a trait"),
            "impl" => OtherItemKind::Named("an `impl` block"),
            "mod" => OtherItemKind::Named("a module"),
            "use" => OtherItemKind::Named("a `use`"),
            "static" => OtherItemKind::Named("a static"),
            "type" => OtherItemKind::Named("a type alias"),
            "macro_rules" => OtherItemKind::Named("a macro"),
            "fn" | "const" | "extern" => match last {
                Some(TokenTree::Punct(end)) if end.as_char() == ';' => OtherItemKind::Bodiless,
                _ => return Ok(None),
            },
            _ => OtherItemKind::Code,
        }))
    }
}

impl AnnotatedFunction {
    fn parse(input: ParseStream<'_>) -> Result<AnnotatedFunction> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig: Signature = input.parse()?;
        let body = without_inner_attributes(braces(input.parse()?)?, &mut attrs)?;
        let params = Param::all_of(&sig);
        let attrs = one_by_one(attrs);
        let in_impl = shows_impl(&sig, &body.stream());
        Ok(AnnotatedFunction { attrs, vis, sig, body, params, in_impl })
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.receiver()
    }

    /// Returns whether a parameter is a reference.
    pub(crate) fn borrows(&self) -> bool {
        self.params.iter().any(|param| matches!(param.passing, Passing::ByReference(_)))
    }

    /// Returns whether a type of the signature has a lifetime that the function does not declare. No call can have such a
    /// type, so only a refused function does.
    pub(crate) fn says_lifetime_of_the_impl(&self) -> bool {
        let declared: Vec<_> = self.sig.generics.lifetimes().map(|param| &param.lifetime).collect();
        let types = self.params.iter().map(|param| &*param.syntax.ty).chain(self.output());
        let mut found = false;
        for ty in types {
            walk_type(&mut ty.clone(), &mut |part| {
                if let TypePart::Named(lifetime) = part {
                    found |= lifetime.ident != "_" && !declared.contains(&&*lifetime);
                }
            });
        }
        found
    }

    /// Returns whether a parameter takes handles too.
    pub(crate) fn takes_handles(&self) -> bool {
        self.params.iter().any(|param| !matches!(param.passing, Passing::Plain))
    }

    pub(crate) fn is_main(&self) -> bool {
        self.sig.ident == "main" && self.receiver().is_none()
    }

    /// Returns the written result type, without parentheses and invisible groups.
    pub(crate) fn output(&self) -> Option<&Type> {
        match &self.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => Some(bare(ty)),
        }
    }

    /// Returns the error type that the written result shows.
    pub(crate) fn error_type(&self) -> ErrorType {
        let Some(Type::Path(path)) = self.output() else {
            return ErrorType::Never;
        };
        let Some(last) = path.path.segments.last().filter(|last| last.ident == "Result") else {
            return ErrorType::Never;
        };
        if last.arguments.is_none() && self.is_of_a_generic(path) {
            return ErrorType::Never;
        }
        if let PathArguments::AngleBracketed(arguments) = &last.arguments {
            let mut types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            });
            if let Some(error) = types.nth(1) {
                // No other call can name this error, so no argument can fail with it.
                let nameless = says_impl(error);
                return if nameless { ErrorType::Never } else { ErrorType::Named(error.clone()) };
            }
        }
        let mut result = Type::Path(path.clone());
        walk_type(&mut result, &mut |part| {
            if let TypePart::Impl(ty) = part {
                *ty = Type::Tuple(TypeTuple { paren_token: Paren::default(), elems: Punctuated::new() });
            }
        });
        ErrorType::Projected(result)
    }
}

impl AnnotatedFunction {
    /// Returns whether the type is one of a generic's, `M::Result` or `<M as Message>::Result`, and no bound says that
    /// the type is a `Result<T, E>`.
    fn is_of_a_generic(&self, ty: &TypePath) -> bool {
        let generic = match &ty.qself {
            Some(QSelf { ty, .. }) => match bare(ty) {
                Type::Path(path) => path.path.get_ident(),
                _ => None,
            },
            None if ty.path.segments.len() == 2 => Some(&ty.path.segments[0].ident),
            None => None,
        };
        let Some(generic) = generic else { return false };
        let generics = &self.sig.generics;
        let is_one = generic == "Self" || generics.type_params().any(|param| param.ident == *generic);
        let says_more = |text: String| text.contains("Result = ") || text.contains("Fallible");
        is_one && !says_more(as_written(generics)) && !says_more(as_written(&generics.where_clause))
    }
}

impl Param {
    pub(crate) fn all_of(sig: &Signature) -> Vec<Param> {
        let closures = closure_params(sig);
        let typed = sig.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(param) => Some(param),
            FnArg::Receiver(_) => None,
        });
        let params = typed.map(|param| Param {
            passing: Passing::of(&param.ty, &closures),
            ends: Ends::of(&param.ty),
            syntax: param.clone(),
        });
        params.collect()
    }
}

impl Passing {
    fn of(ty: &Type, closures: &[&Ident]) -> Passing {
        match bare(ty) {
            Type::Reference(reference) if reference.mutability.is_some() => Passing::Plain,
            Type::Reference(reference) if is_static(reference) => Passing::ByValue,
            Type::Reference(reference) => Passing::ByReference(Box::new(bare(&reference.elem).clone())),
            Type::BareFn(_) => Passing::Plain,
            Type::Path(path) if path.path.get_ident().is_some_and(|name| closures.contains(&name)) => Passing::Plain,
            ty if says_impl(ty) => Passing::Plain,
            _ => Passing::ByValue,
        }
    }
}

impl ReceiverKind {
    pub(crate) fn of(receiver: &Receiver) -> ReceiverKind {
        match bare(&receiver.ty) {
            Type::Reference(reference) if reference.mutability.is_some() => ReceiverKind::MutableReference,
            Type::Reference(reference) if is_self(&reference.elem) && is_static(reference) => {
                ReceiverKind::StaticReference
            }
            Type::Reference(reference) if is_self(&reference.elem) => ReceiverKind::Reference,
            Type::Path(path) => match path.path.segments.last() {
                _ if is_self(&receiver.ty) => ReceiverKind::Value,
                Some(last) if last.ident == "Box" && holds_self(&last.arguments) => ReceiverKind::Box,
                Some(last) if last.ident == "Arc" && holds_self(&last.arguments) => ReceiverKind::Arc,
                _ => ReceiverKind::Other,
            },
            _ => ReceiverKind::Other,
        }
    }
}

/// Returns the type inside of parentheses and of the invisible groups that a macro puts around a fragment.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(paren) => bare(&paren.elem),
        Type::Group(group) => bare(&group.elem),
        other => other,
    }
}

/// Returns whether the type contains `impl Trait`.
pub(crate) fn says_impl(ty: &Type) -> bool {
    let mut found = false;
    walk_type(&mut ty.clone(), &mut |part| found |= matches!(part, TypePart::Impl(_)));
    found
}

/// Returns the lifetime of a `&'a self` or a `&'a T` that the function does not declare, and the type behind it.
pub(crate) fn lifetime_of_the_impl<'f>(input: &'f FnArg, sig: &Signature) -> Option<(&'f Lifetime, &'f Type)> {
    let ty = match input {
        FnArg::Receiver(receiver) => &receiver.ty,
        FnArg::Typed(param) => &param.ty,
    };
    let Type::Reference(TypeReference { lifetime: Some(lifetime), mutability: None, elem, .. }) = bare(ty) else {
        return None;
    };
    let is_own = sig.generics.lifetimes().any(|param| param.lifetime == *lifetime);
    (!is_own && lifetime.ident != "static" && lifetime.ident != "_").then_some((lifetime, elem))
}

fn is_static(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
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

/// Returns the type parameters with a bound such as `Fn(..)`: rustc infers a closure from that bound.
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

/// Moves the inner attributes of a body to `attrs`: inner attributes belong to the function, as outer ones do.
fn without_inner_attributes(body: Group, attrs: &mut Vec<Attribute>) -> Result<Group> {
    let mut start = body.stream().into_iter();
    let is = |token: Option<TokenTree>, sign| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    if !is(start.next(), '#') || !is(start.next(), '!') {
        return Ok(body);
    }
    let split = |input: ParseStream<'_>| -> Result<TokenStream> {
        attrs.extend(input.call(Attribute::parse_inner)?);
        input.parse()
    };
    let mut without = Group::new(Delimiter::Brace, split.parse2(body.stream())?);
    without.set_span(body.span());
    Ok(without)
}

/// Returns the braces of a body, out of the invisible groups that a macro puts around a fragment.
fn braces(token: TokenTree) -> Result<Group> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Ok(group),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            (|input: ParseStream<'_>| braces(input.parse()?)).parse2(group.stream())
        }
        other => Err(Error::new(other.span(), "expected the body of a function")),
    }
}

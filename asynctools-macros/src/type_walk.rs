//! The walk over a written type: it visits every lifetime that makes the type a borrow, and every `impl Trait`.

use syn::punctuated::Punctuated;
use syn::token::Paren;
use syn::{
    AngleBracketedGenericArguments, BoundLifetimes, CapturedParam, GenericArgument, GenericParam, Lifetime, Path,
    PathArguments, PredicateType, QSelf, ReturnType, Token, Type, TypeParamBound, TypeParen, TypeReference,
};

/// A part of a type that the walk visits. `Fn(&str)`, `fn(&str)`, `for<'a>` and `'static` do not borrow.
pub(crate) enum TypePart<'t> {
    /// A `&` without a lifetime.
    Elided(&'t mut TypeReference),
    /// A lifetime that is not `'static`.
    Named(&'t mut Lifetime),
    /// A path. The type borrows if the path leaves a lifetime out.
    Path(&'t mut Path),
    /// A `Type::ImplTrait`. The walk visits its bounds next, unless the visitor replaces the type.
    Impl(&'t mut Type),
}

/// The meaning of an elided lifetime.
#[derive(Clone, Copy, PartialEq)]
enum Elided {
    /// The type borrows.
    Borrows,
    /// The lifetime belongs to the `Fn(..)` or `fn(..)` around.
    IsOfTheFn,
}

type Bounds = Punctuated<TypeParamBound, Token![+]>;

pub(crate) fn walk_type(ty: &mut Type, visit: &mut dyn FnMut(TypePart<'_>)) {
    Walk { visit, bound: Vec::new(), elided: Elided::Borrows }.ty(ty);
}

pub(crate) fn walk_bounds(bounds: &mut Bounds, visit: &mut dyn FnMut(TypePart<'_>)) {
    Walk { visit, bound: Vec::new(), elided: Elided::Borrows }.bounds(bounds);
}

pub(crate) fn walk_predicate(predicate: &mut PredicateType, visit: &mut dyn FnMut(TypePart<'_>)) {
    let lifetimes = predicate.lifetimes.clone();
    Walk { visit, bound: Vec::new(), elided: Elided::Borrows }.within(lifetimes.as_ref(), Elided::Borrows, |walk| {
        walk.ty(&mut predicate.bounded_ty);
        walk.bounds(&mut predicate.bounds);
    });
}

struct Walk<'v> {
    visit: &'v mut dyn FnMut(TypePart<'_>),
    /// The lifetimes of the `for<..>`s around the visited part.
    bound: Vec<Lifetime>,
    elided: Elided,
}

impl Walk<'_> {
    fn ty(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(_) = ty {
            (self.visit)(TypePart::Impl(ty));
        }
        match ty {
            Type::Array(array) => self.ty(&mut array.elem),
            Type::Group(group) => self.ty(&mut group.elem),
            Type::Paren(paren) => {
                self.ty(&mut paren.elem);
                // A tuple that the visitor put there needs no parentheses, and rustc would warn of them at the user's
                // type.
                if let Type::Tuple(_) = &*paren.elem {
                    *ty = (*paren.elem).clone();
                }
            }
            Type::Ptr(pointer) => {
                self.ty(&mut pointer.elem);
                parenthesize(&mut pointer.elem);
            }
            Type::Slice(slice) => self.ty(&mut slice.elem),
            Type::Tuple(tuple) => tuple.elems.iter_mut().for_each(|ty| self.ty(ty)),
            Type::ImplTrait(opaque) => self.bounds(&mut opaque.bounds),
            Type::TraitObject(object) => self.bounds(&mut object.bounds),
            Type::Path(path) => self.path(path.qself.as_mut(), &mut path.path),
            Type::Reference(reference) => {
                match &mut reference.lifetime {
                    Some(lifetime) => self.lifetime(lifetime),
                    None if self.elided == Elided::IsOfTheFn => {}
                    None => (self.visit)(TypePart::Elided(reference)),
                }
                self.ty(&mut reference.elem);
                parenthesize(&mut reference.elem);
            }
            Type::BareFn(function) => {
                let lifetimes = function.lifetimes.clone();
                self.within(lifetimes.as_ref(), Elided::IsOfTheFn, |walk| {
                    function.inputs.iter_mut().for_each(|input| walk.ty(&mut input.ty));
                    walk.output(&mut function.output);
                });
            }
            // Only rustc knows the meaning of a macro or of a future syntax.
            _ => {}
        }
    }

    fn bounds(&mut self, bounds: &mut Bounds) {
        for bound in bounds {
            match bound {
                TypeParamBound::Lifetime(lifetime) => self.lifetime(lifetime),
                TypeParamBound::Trait(bound) => {
                    let lifetimes = bound.lifetimes.clone();
                    self.within(lifetimes.as_ref(), self.elided, |walk| {
                        walk.path(None, &mut bound.path);
                    });
                }
                TypeParamBound::PreciseCapture(capture) => {
                    for param in &mut capture.params {
                        if let CapturedParam::Lifetime(lifetime) = param {
                            self.lifetime(lifetime);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn path(&mut self, qself: Option<&mut QSelf>, path: &mut Path) {
        if self.elided == Elided::Borrows {
            (self.visit)(TypePart::Path(path));
        }
        if let Some(qself) = qself {
            self.ty(&mut qself.ty);
        }
        for segment in &mut path.segments {
            match &mut segment.arguments {
                PathArguments::None => {}
                PathArguments::AngleBracketed(arguments) => self.arguments(arguments),
                PathArguments::Parenthesized(signature) => self.within(None, Elided::IsOfTheFn, |walk| {
                    signature.inputs.iter_mut().for_each(|ty| walk.ty(ty));
                    walk.output(&mut signature.output);
                }),
            }
        }
    }

    fn arguments(&mut self, arguments: &mut AngleBracketedGenericArguments) {
        for argument in &mut arguments.args {
            match argument {
                GenericArgument::Lifetime(lifetime) => self.lifetime(lifetime),
                GenericArgument::Type(ty) => self.ty(ty),
                GenericArgument::AssocType(assoc) => {
                    assoc.generics.iter_mut().for_each(|generics| self.arguments(generics));
                    self.ty(&mut assoc.ty);
                }
                GenericArgument::Constraint(constraint) => self.bounds(&mut constraint.bounds),
                _ => {}
            }
        }
    }

    fn output(&mut self, output: &mut ReturnType) {
        if let ReturnType::Type(_, ty) = output {
            self.ty(ty);
        }
    }

    fn lifetime(&mut self, lifetime: &mut Lifetime) {
        let own = self.bound.contains(lifetime) || (self.elided == Elided::IsOfTheFn && lifetime.ident == "_");
        if !own && lifetime.ident != "static" {
            (self.visit)(TypePart::Named(lifetime));
        }
    }

    /// Walks a part under `for<lifetimes>`.
    fn within(&mut self, lifetimes: Option<&BoundLifetimes>, elided: Elided, walk: impl FnOnce(&mut Self)) {
        let outside = (self.bound.len(), self.elided);
        let params = lifetimes.into_iter().flat_map(|bound| &bound.lifetimes);
        self.bound.extend(params.filter_map(|param| match param {
            GenericParam::Lifetime(param) => Some(param.lifetime.clone()),
            _ => None,
        }));
        self.elided = elided;
        walk(self);
        self.bound.truncate(outside.0);
        self.elided = outside.1;
    }
}

/// Puts parentheses around `impl A + B`, which rustc does not read without them after a `&`.
fn parenthesize(ty: &mut Type) {
    if let Type::ImplTrait(opaque) = ty
        && opaque.bounds.len() > 1
    {
        *ty = Type::Paren(TypeParen { paren_token: Paren::default(), elem: Box::new(ty.clone()) });
    }
}

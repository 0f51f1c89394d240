//! Types that surely have no size of their own: `str`, `[T]`, `dyn Trait`. rustc would refuse such a type once for each
//! place of the expansion.

use quote::quote;
use syn::{Type, parse_quote};

use crate::item::bare;
use crate::trait_objects::unsendable_object;
use crate::written::as_written;

/// A type without a size, and the types instead.
pub(crate) struct Unsized {
    /// `str`
    pub(crate) written: String,
    /// `&str`, unless the type is a trait object.
    pub(crate) borrowed: Option<Type>,
    /// `String`
    pub(crate) owned: Type,
}

impl Unsized {
    /// Returns the type for an argument.
    pub(crate) fn argument(&self) -> &Type {
        self.borrowed.as_ref().unwrap_or(&self.owned)
    }

    /// Writes the ways out for an argument: `&str` or `String`.
    pub(crate) fn instead_of_an_argument(&self) -> String {
        let borrowed = self.borrowed.iter().map(|ty| format!("`{}` or ", as_written(ty)));
        borrowed.chain([format!("`{}`", as_written(&self.owned))]).collect()
    }
}

pub(crate) fn unsized_type(ty: &Type) -> Option<Unsized> {
    let ty = bare(ty);
    let (borrowed, owned) = match ty {
        Type::Path(path) if path.qself.is_none() && path.path.is_ident("str") => {
            (Some(parse_quote!(&#ty)), parse_quote!(String))
        }
        Type::Slice(slice) => {
            let of = &slice.elem;
            (Some(parse_quote!(&#ty)), parse_quote!(Vec<#of>))
        }
        Type::TraitObject(object) => {
            let sendable = unsendable_object(ty).map(|found| found.sendable);
            let is_send = as_written(ty).split([' ', ':']).any(|word| word == "Send");
            let promise = (!is_send).then(|| quote!(+ Send));
            let promised: Type = parse_quote!(Box<#object #promise>);
            (None, sendable.and_then(|text| syn::parse_str(&text).ok()).unwrap_or(promised))
        }
        _ => return None,
    };
    Some(Unsized { written: as_written(ty), borrowed, owned })
}

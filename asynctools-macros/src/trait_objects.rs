//! Trait objects that surely do not promise `Send`: those of `Error`, `Any` and the closure traits. Another trait may have
//! `Send` among its supertraits, which tokens do not show.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type, TypeParamBound, TypeTraitObject};

use crate::item::bare;
use crate::written::as_written;

/// Types that go to another thread only if their contents do.
pub(crate) const CONTAINERS: [&str; 16] = [
    "Arc",
    "BTreeMap",
    "BinaryHeap",
    "Box",
    "Cell",
    "Cow",
    "HashMap",
    "LinkedList",
    "Mutex",
    "OnceLock",
    "Option",
    "Pin",
    "RefCell",
    "Result",
    "RwLock",
    "Vec",
];

/// A trait object without `Send`, and the words about that.
pub(crate) struct UnsendableObject {
    pub(crate) object: TokenStream,
    /// `dyn Error`
    pub(crate) written: String,
    /// `Box<dyn Error + Send + Sync>`
    pub(crate) sendable: String,
    pub(crate) is_error: bool,
}

/// The type around a trait object.
#[derive(Clone, Copy)]
enum Holder {
    Box,
    Arc,
    Reference,
}

/// Returns the first trait object in the type that cannot go to another thread.
pub(crate) fn unsendable_object(ty: &Type) -> Option<UnsendableObject> {
    find(ty, Holder::Box)
}

fn find(ty: &Type, holder: Holder) -> Option<UnsendableObject> {
    match bare(ty) {
        Type::Reference(reference) => find(&reference.elem, Holder::Reference),
        Type::Array(array) => find(&array.elem, holder),
        Type::Slice(slice) => find(&slice.elem, holder),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(|ty| find(ty, holder)),
        Type::TraitObject(object) if promises_no_send(object) => Some(described(object, holder)),
        Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            let name = last.ident.to_string();
            if !CONTAINERS.contains(&name.as_str()) {
                return None;
            }
            let holder = if name == "Arc" { Holder::Arc } else { Holder::Box };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => find(ty, holder),
                _ => None,
            })
        }
        _ => None,
    }
}

fn described(object: &TypeTraitObject, holder: Holder) -> UnsendableObject {
    let is_error = names_a_trait(object, &["Error"]);
    let written = as_written(object);
    let mut promised = format!("{written} + Send");
    if (is_error || matches!(holder, Holder::Arc)) && !names_a_trait(object, &["Sync"]) {
        promised.push_str(" + Sync");
    }
    let sendable = match holder {
        Holder::Box => format!("Box<{promised}>"),
        Holder::Arc => format!("Arc<{promised}>"),
        Holder::Reference => format!("&({promised})"),
    };
    UnsendableObject { object: object.to_token_stream(), written, sendable, is_error }
}

fn promises_no_send(object: &TypeTraitObject) -> bool {
    names_a_trait(object, &["Any", "Error", "Fn", "FnMut", "FnOnce"]) && !names_a_trait(object, &["Send"])
}

/// Returns whether the object is one of a trait with such a name, in the standard library or without a path.
fn names_a_trait(object: &TypeTraitObject, names: &[&str]) -> bool {
    object.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let path = &bound.path;
            let is_known = path.segments.len() == 1
                || ["std", "core", "error", "any", "ops", "marker"].iter().any(|first| path.segments[0].ident == first);
            is_known && path.segments.last().is_some_and(|last| names.iter().any(|name| last.ident == name))
        }
        _ => false,
    })
}

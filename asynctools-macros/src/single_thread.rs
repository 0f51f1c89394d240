//! Types of the standard library that surely stay on one thread: `Rc`, and cells that an `Arc` shares.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{GenericArgument, Path, PathArguments, Type};

use crate::item::bare;
use crate::trait_objects::CONTAINERS;
use crate::written::as_written;

/// A type that cannot go to another thread, and the words about that.
pub(crate) struct SingleThread {
    pub(crate) found: TokenStream,
    /// `Rc<u8>`
    pub(crate) written: String,
    /// `Arc<u8>`
    pub(crate) instead: String,
}

/// Returns the first such type in the type. A name without its usual path may be another type of that name, so only paths
/// of the standard library count.
pub(crate) fn single_thread(ty: &Type) -> Option<SingleThread> {
    match bare(ty) {
        Type::Reference(reference) => single_thread(&reference.elem),
        Type::Array(array) => single_thread(&array.elem),
        Type::Slice(slice) => single_thread(&slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(single_thread),
        Type::Path(ty) if ty.qself.is_none() => {
            let mut types = type_arguments(&ty.path);
            // Most types have none, and each look at a name takes time.
            types.clone().next()?;
            let last = ty.path.segments.last()?.ident.to_string();
            if last == "Rc" && is_of(&ty.path, "rc") {
                let inside = as_written(types.next()?);
                return Some(described(ty, format!("Arc<{inside}>")));
            }
            if last == "Arc"
                && is_of(&ty.path, "sync")
                && let [Some(cell), None] = [types.clone().next(), types.clone().nth(1)]
                && let Type::Path(cell) = bare(cell)
                && is_of(&cell.path, "cell")
                && cell.path.segments.last().is_some_and(|last| last.ident == "Cell" || last.ident == "RefCell")
                && let Some(inside) = type_arguments(&cell.path).next()
            {
                return Some(described(ty, format!("Arc<Mutex<{}>>", as_written(inside))));
            }
            CONTAINERS.contains(&last.as_str()).then(|| types.find_map(single_thread))?
        }
        _ => None,
    }
}

fn described(found: &impl ToTokens, instead: String) -> SingleThread {
    SingleThread { found: found.to_token_stream(), written: as_written(found), instead }
}

/// Returns whether the path is a name, `module::name`, or `std::module::name`.
fn is_of(path: &Path, module: &str) -> bool {
    let mut segments = path.segments.iter().rev().skip(1);
    segments.next().is_none_or(|found| found.ident == module)
        && segments.next().is_none_or(|found| found.ident == "std" || found.ident == "alloc")
        && segments.next().is_none()
}

/// Returns the types among the arguments of the last segment.
fn type_arguments(path: &Path) -> impl Iterator<Item = &Type> + Clone {
    let arguments = path.segments.last().and_then(|last| match &last.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    });
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

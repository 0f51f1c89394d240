//! Types of the standard library that borrow. A path may leave their lifetime out, and then only the name shows the borrow:
//! of such a parameter rustc would say that "anonymous lifetimes in `impl Trait` are unstable".

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::token::{Gt, Lt};
use syn::{AngleBracketedGenericArguments, GenericArgument, Lifetime, Path, PathArguments, PathSegment};

/// Names that no other type has: those without a type argument, and those with one.
const UNIQUE: [&[&str]; 2] = [
    &[
        "BorrowedFd",
        "CharIndices",
        "IoSlice",
        "IoSliceMut",
        "SplitAsciiWhitespace",
        "SplitWhitespace",
        "StderrLock",
        "StdinLock",
        "StdoutLock",
    ],
    &["Cow", "MappedMutexGuard", "MutexGuard", "RefMut", "RwLockReadGuard", "RwLockWriteGuard", "ScopedJoinHandle"],
];

/// Names that types of other crates have too, by module. Such a name counts behind its module alone: `str::Chars`,
/// `std::str::Chars`.
const BY_MODULE: [(&str, [&[&str]; 2]); 13] = [
    ("btree_map", [&[], &["Entry", "Iter", "IterMut", "Keys", "Range", "Values", "ValuesMut"]]),
    ("btree_set", [&[], &["Iter", "Range"]]),
    ("cell", [&[], &["Ref"]]),
    ("fmt", [&["Arguments", "Formatter"], &[]]),
    ("hash_map", [&[], &["Drain", "Entry", "Iter", "IterMut", "Keys", "Values", "ValuesMut"]]),
    ("hash_set", [&[], &["Drain", "Iter"]]),
    ("path", [&["Ancestors", "Component", "Components", "Display", "Iter"], &[]]),
    ("slice", [&[], &["Chunks", "ChunksExact", "ChunksMut", "Iter", "IterMut", "Windows"]]),
    ("str", [&["Bytes", "Chars", "EncodeUtf16", "Lines"], &["Split", "SplitN"]]),
    ("string", [&["Drain"], &[]]),
    ("task", [&["Context"], &[]]),
    ("vec", [&[], &["Drain"]]),
    ("vec_deque", [&[], &["Drain", "Iter", "IterMut"]]),
];

/// Returns whether the path is a type that borrows, without its lifetime: `Cow<str>`, `std::str::Chars`.
pub(crate) fn hides_a_lifetime(path: &Path) -> bool {
    let mut segments = path.segments.iter().rev();
    let Some(last) = segments.next() else { return false };
    let kind = match &last.arguments {
        PathArguments::None => 0,
        PathArguments::AngleBracketed(arguments)
            if arguments.args.iter().all(|argument| matches!(argument, GenericArgument::Type(_))) =>
        {
            1
        }
        _ => return false,
    };
    // A comparison with an identifier asks the compiler for its text each time.
    let name = last.ident.to_string();
    if UNIQUE[kind].contains(&name.as_str()) {
        return true;
    }
    let Some(module) = segments.next().map(|module| module.ident.to_string()) else { return false };
    let is_std = || path.segments.first().is_some_and(|first| is_one_of(first, &["std", "core", "alloc"]));
    BY_MODULE.iter().any(|(known, types)| module == *known && types[kind].contains(&name.as_str()))
        && (segments.next().is_none() || is_std())
}

/// Returns whether the type lends a value out of a lock or a cell.
pub(crate) fn is_a_guard(path: &Path) -> bool {
    let ends = |last: &PathSegment| ["Guard", "Lock"].iter().any(|end| last.ident.to_string().ends_with(end));
    path.segments.last().is_some_and(|last| ends(last) || is_one_of(last, &["Ref", "RefMut"]))
}

/// Returns whether the type stays on one thread, whatever its lifetime.
pub(crate) fn stays(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| is_one_of(last, &["Arguments", "Context", "Formatter"]))
}

/// Writes the lifetime that the path leaves out, as `'static`.
pub(crate) fn write_static(path: &mut Path, span: Span) {
    let Some(last) = path.segments.last_mut() else { return };
    let lifetime = GenericArgument::Lifetime(Lifetime::new("'static", span));
    match &mut last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.insert(0, lifetime),
        arguments => {
            *arguments = PathArguments::AngleBracketed(AngleBracketedGenericArguments {
                colon2_token: None,
                lt_token: Lt(span),
                args: Punctuated::from_iter([lifetime]),
                gt_token: Gt(span),
            });
        }
    }
}

fn is_one_of(segment: &PathSegment, names: &[&str]) -> bool {
    names.iter().any(|name| segment.ident == name)
}

#[cfg(test)]
mod tests {
    use syn::parse_str;

    use crate::hidden_lifetime::hides_a_lifetime;

    #[test]
    fn a_name_counts_without_its_lifetime_alone() {
        let hides = |path: &str| hides_a_lifetime(&parse_str(path).expect("a path"));
        for path in [
            "Cow<str>",
            "std::borrow::Cow<[u8]>",
            "MutexGuard<u8>",
            "parking_lot::MutexGuard<u8>",
            "StdoutLock",
            "io::StdoutLock",
            "str::Chars",
            "std::str::Chars",
            "::core::fmt::Formatter",
            "std::slice::Iter<u8>",
            "std::collections::hash_map::Entry<u8, u8>",
            "cell::Ref<u8>",
        ] {
            assert!(hides(path), "{path}");
        }
        for path in [
            "Cow<'static, str>",
            "Cow<'_, str>",
            "Cow",
            "Chars",
            "Formatter",
            "Ref<u8>",
            "Iter<u8>",
            "slice::Iter<'static, u8>",
            "my::str::Chars",
            "tree::Iter<u8>",
            "str::Chars<u8>",
            "Bytes",
            "bytes::Bytes",
        ] {
            assert!(!hides(path), "{path}");
        }
    }
}

//! The functions that `cargo check` looks at.

use std::fmt::Write;

/// How many functions there are.
pub(crate) const COUNT: usize = 500;

/// How a function is made to run elsewhere.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    /// By the attribute.
    Annotated,
    /// By a function around it that gives a closure to the pool.
    ByHand,
    /// Not at all.
    Plain,
}

/// A function in all three ways; `#` is its number.
struct Shape {
    /// Parameters, result, and body.
    function: &'static str,
    /// What goes around it by hand: parameters and result, statements before the closure, arguments in it.
    by_hand: [&'static str; 3],
    /// The arguments of a call.
    call: &'static str,
}

const SHAPES: [Shape; 5] = [
    Shape { function: "(n: u64) -> u64 { n + # }", by_hand: ["(n: u64) -> AsyncValue<u64>", "", "n"], call: "7" },
    Shape {
        function: "(text: &str) -> usize { text.len() + # }",
        by_hand: ["(text: &str) -> AsyncValue<usize>", "let text = text.to_owned();", "&text"],
        call: "\"seven\"",
    },
    Shape {
        function: "(items: Vec<u64>, limit: u64) -> Result<u64, String> { \
                   items.into_iter().find(|n| *n > limit + #).ok_or(String::new()) }",
        by_hand: ["(items: Vec<u64>, limit: u64) -> AsyncValue<Result<u64, String>>", "", "items, limit"],
        call: "vec![7], 7",
    },
    Shape {
        function: "(path: &Path, name: String) -> io::Result<String> { \
                   std::fs::read_to_string(path.join(name + \"#\")) }",
        by_hand: [
            "(path: &Path, name: String) -> AsyncValue<io::Result<String>>",
            "let path = path.to_owned();",
            "&path, name",
        ],
        call: "Path::new(\"seven\"), String::new()",
    },
    Shape { function: "() -> String { String::from(\"#\") }", by_hand: ["() -> AsyncValue<String>", "", ""], call: "" },
];

impl Style {
    /// The name of its package.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Annotated => "annotated",
            Self::ByHand => "by-hand",
            Self::Plain => "plain",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Annotated => "functions with `#[pooled]`",
            Self::ByHand => "hand-written wrappers of `Pool::spawn`",
            Self::Plain => "plain functions",
        }
    }

    /// A program that defines the functions, and calls each once.
    pub(crate) fn program(self) -> String {
        let mut program = String::from(
            "#![allow(unused_imports)]\nuse std::{io, path::Path};\nuse asynctools::{AsyncValue, Pool, pooled};\n",
        );
        let mut calls = String::new();
        for (number, shape) in SHAPES.iter().cycle().take(COUNT).enumerate() {
            let function = self.function(number, shape).replace('#', &number.to_string()).replace('@', "#");
            program += &function;
            let get = if matches!(self, Self::Plain) { "" } else { ".get()" };
            writeln!(calls, "    drop(f{number}({}){get});", shape.call).expect("a string takes everything");
        }
        format!("{program}\n#[allow(dropping_copy_types)]\nfn main() {{\n{calls}}}\n")
    }

    /// `@` is the number sign of an attribute.
    fn function(self, number: usize, shape: &Shape) -> String {
        let Shape { function, by_hand: [head, before, arguments], .. } = shape;
        match self {
            Self::Annotated => format!("@[pooled]\nfn f{number}{function}\n"),
            Self::ByHand => format!(
                "fn f{number}{head} {{\n    fn call{function}\n    {before}\n    \
                 Pool::global().spawn(move || call({arguments}))\n}}\n"
            ),
            Self::Plain => format!("fn f{number}{function}\n"),
        }
    }
}

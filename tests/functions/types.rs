//! The types of values: how they are written, values of them, and patterns that take them apart.

use crate::dice::Dice;
use crate::dice::Draft;

#[derive(Clone)]
pub(crate) enum Type {
    Unit,
    Number(&'static str),
    Flag,
    Letter,
    Text,
    /// A struct with the fields `depth` and `name`.
    Config,
    /// A struct that cannot be cloned.
    Single,
    /// `Cow<'static, str>`
    Cow,
    /// `&'static str`
    Forever,
    /// `&'static [u16]`
    ForeverList,
    Maybe(Box<Type>),
    Outcome(Box<Type>),
    Pair(Box<Type>, Box<Type>),
    /// The length is a number, or the name of a constant that has that value.
    Array(Box<Type>, String, usize),
    List(Box<Type>),
    Boxed(Box<Type>),
    Counted(Box<Type>),
    /// `<Vec<T> as IntoIterator>::Item`
    Projected(Box<Type>),
    /// A type parameter, and what it is in the call.
    Param(String, Box<Type>),
    /// A handle that is no argument to wait for, but a value.
    Handle(Box<Type>),
}

impl Type {
    /// A type with a `Default`, for a generic parameter.
    pub(crate) fn simple(dice: &mut Dice, depth: usize) -> Self {
        match dice.below(if depth == 0 { 5 } else { 8 }) {
            0 => Self::Flag,
            1 | 2 => Self::Text,
            3 => Self::Number("u8"),
            4 => Self::Number(dice.pick(&["u16", "i64", "usize", "u128", "i8"])),
            5 => Self::Maybe(Box::new(Self::simple(dice, depth - 1))),
            6 => Self::List(Box::new(Self::simple(dice, depth - 1))),
            _ => Self::Pair(Box::new(Self::simple(dice, depth - 1)), Box::new(Self::simple(dice, depth - 1))),
        }
    }

    /// Any type.
    pub(crate) fn any(draft: &mut Draft, depth: usize) -> Self {
        let deeper = |draft: &mut Draft| Box::new(Self::any(draft, depth - 1));
        let leaves = 10;
        match draft.dice.below(if depth == 0 { leaves } else { leaves + 12 }) {
            0 => Self::Unit,
            1 => Self::Letter,
            2 | 3 => Self::Config,
            4 => Self::Single,
            5 => Self::Cow,
            6 => draft.dice.pick(&[Self::Forever, Self::ForeverList]),
            7..10 => Self::simple(&mut draft.dice, 0),
            10 => Self::Maybe(deeper(draft)),
            11 => Self::Outcome(deeper(draft)),
            12 | 13 => Self::Pair(deeper(draft), deeper(draft)),
            14 | 15 => {
                let n = 1 + draft.dice.below(3);
                let length = if draft.dice.once_in(2) { n.to_string() } else { draft.constant("usize", n.to_string()) };
                Self::Array(deeper(draft), length, n)
            }
            16 => Self::List(deeper(draft)),
            17 => Self::Boxed(deeper(draft)),
            18 => Self::Counted(deeper(draft)),
            19 => Self::Projected(deeper(draft)),
            20 => Self::generic(draft),
            _ => Self::Handle(deeper(draft)),
        }
    }

    pub(crate) fn generic(draft: &mut Draft) -> Self {
        let ty = Self::simple(&mut draft.dice, 1);
        let bounds = ["std::fmt::Debug", "Clone", "Default", "Send", "Sync", "'static"];
        let name = draft.generic(&bounds, ty.given());
        Self::Param(name, Box::new(ty))
    }

    /// The type as the function writes it.
    pub(crate) fn written(&self) -> String {
        self.text(false)
    }

    /// The type as a call of the function writes it, where no generic parameter is.
    pub(crate) fn given(&self) -> String {
        self.text(true)
    }

    fn text(&self, given: bool) -> String {
        let of = |ty: &Type| ty.text(given);
        match self {
            Self::Unit => "()".to_owned(),
            Self::Number(name) => (*name).to_owned(),
            Self::Flag => "bool".to_owned(),
            Self::Letter => "char".to_owned(),
            Self::Text => "String".to_owned(),
            Self::Config => "kit::Config".to_owned(),
            Self::Single => "kit::Single".to_owned(),
            Self::Cow => "std::borrow::Cow<'static, str>".to_owned(),
            Self::Forever => "&'static str".to_owned(),
            Self::ForeverList => "&'static [u16]".to_owned(),
            Self::Maybe(ty) => format!("Option<{}>", of(ty)),
            Self::Outcome(ty) => format!("Result<{}, kit::Low>", of(ty)),
            Self::Pair(a, b) => format!("({}, {})", of(a), of(b)),
            Self::Array(ty, _, n) if given => format!("[{}; {n}]", of(ty)),
            Self::Array(ty, length, _) => format!("[{}; {length}]", of(ty)),
            Self::List(ty) => format!("Vec<{}>", of(ty)),
            Self::Boxed(ty) => format!("Box<{}>", of(ty)),
            Self::Counted(ty) => format!("std::sync::Arc<{}>", of(ty)),
            Self::Projected(ty) => format!("<Vec<{}> as IntoIterator>::Item", of(ty)),
            Self::Param(_, ty) if given => of(ty),
            Self::Param(name, _) => name.clone(),
            Self::Handle(ty) => format!("asynctools::AsyncValue<{}>", of(ty)),
        }
    }

    /// An expression that is a value of just this type.
    pub(crate) fn value(&self, dice: &mut Dice) -> String {
        let n = dice.below(100);
        match self {
            Self::Unit => "()".to_owned(),
            Self::Number(name) => format!("{n}_{name}"),
            Self::Flag => (n < 50).to_string(),
            Self::Letter => dice.pick(&["'a'", "'ß'", "'\\''"]).to_owned(),
            Self::Text => dice.pick(&["String::new()", "\"some text\".to_owned()", "String::from(\"x\")"]).to_owned(),
            Self::Config => format!("kit::config({n})"),
            Self::Single => format!("kit::Single({n})"),
            Self::Cow => "std::borrow::Cow::Borrowed(\"cow\")".to_owned(),
            Self::Forever => "\"for ever\"".to_owned(),
            Self::ForeverList => format!("kit::numbers({n})"),
            Self::Maybe(ty) if n < 20 => format!("None::<{}>", ty.given()),
            Self::Maybe(ty) => format!("Some({})", ty.value(dice)),
            Self::Outcome(ty) if n < 30 => format!("Err::<{}, kit::Low>(kit::Low({n}))", ty.given()),
            Self::Outcome(ty) => format!("Ok::<{}, kit::Low>({})", ty.given(), ty.value(dice)),
            Self::Pair(a, b) => format!("({}, {})", a.value(dice), b.value(dice)),
            Self::Array(ty, _, n) => format!("[{}]", ty.values(*n, dice)),
            Self::List(ty) if n < 20 => format!("Vec::<{}>::new()", ty.given()),
            Self::List(ty) => format!("vec![{}]", ty.values(n % 3 + 1, dice)),
            Self::Boxed(ty) => format!("Box::new({})", ty.value(dice)),
            Self::Counted(ty) => format!("std::sync::Arc::new({})", ty.value(dice)),
            Self::Projected(ty) | Self::Param(_, ty) => ty.value(dice),
            Self::Handle(ty) => format!("kit::ready({})", ty.value(dice)),
        }
    }

    pub(crate) fn values(&self, count: usize, dice: &mut Dice) -> String {
        (0..count).map(|_| self.value(dice)).collect::<Vec<_>>().join(", ")
    }

    /// The types that it is made of.
    fn parts(&self) -> Vec<&Type> {
        match self {
            Self::Maybe(ty)
            | Self::Outcome(ty)
            | Self::Array(ty, ..)
            | Self::List(ty)
            | Self::Boxed(ty)
            | Self::Counted(ty)
            | Self::Projected(ty)
            | Self::Param(_, ty) => vec![ty],
            Self::Pair(a, b) => vec![a, b],
            _ => Vec::new(),
        }
    }

    pub(crate) fn clones(&self) -> bool {
        match self {
            Self::Single | Self::Handle(_) => false,
            Self::Counted(_) => true,
            ty => ty.parts().iter().all(|part| part.clones()),
        }
    }

    /// Whether a handle is in it, which says nothing of what it will be.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self, Self::Handle(_)) || self.parts().iter().any(|part| part.is_quiet())
    }

    fn copies(&self) -> bool {
        matches!(self, Self::Unit | Self::Number(_) | Self::Flag | Self::Letter | Self::Forever | Self::ForeverList)
    }

    /// A pattern that takes a value of the type; what it binds is seen by statements of the body.
    pub(crate) fn pattern(&self, draft: &mut Draft, seen: &mut Vec<String>) -> String {
        if self.is_quiet() {
            return self.quiet_pattern(draft, seen);
        }
        match draft.dice.below(20) {
            0..5 => {}
            5..7 => {
                draft.note("pattern _");
                return if draft.dice.once_in(2) {
                    "_".to_owned()
                } else {
                    format!("_{}", draft.name().replace("r#", ""))
                };
            }
            7..10 => {
                draft.note("pattern mut x");
                let name = draft.name();
                seen.push(self.changed(&name));
                return format!("mut {name}");
            }
            10 => {
                draft.note("pattern ref x");
                let name = draft.name();
                seen.push(format!("trace.see({name});"));
                return format!("{} {name}", draft.dice.pick(&["ref", "ref mut"]));
            }
            11 => {
                draft.note("pattern x @ _");
                let name = draft.name();
                let rest = if self.copies() || !matches!(self, Self::Pair(a, b) if a.copies() && b.copies()) {
                    "_".to_owned()
                } else {
                    self.apart(draft, seen, &mut named).unwrap_or_default()
                };
                seen.push(format!("trace.see(&{name});"));
                return format!("{name} @ {rest}");
            }
            _ => {
                if let Some(pattern) = self.apart(draft, seen, &mut |ty, draft, seen| ty.pattern(draft, seen)) {
                    return pattern;
                }
            }
        }
        let name = draft.name();
        seen.push(format!("trace.see(&{name});"));
        name
    }

    fn quiet_pattern(&self, draft: &mut Draft, seen: &mut Vec<String>) -> String {
        let Self::Handle(ty) = self else { return "_".to_owned() };
        let name = draft.name();
        if !ty.is_quiet() {
            seen.push(format!("trace.see(&{name}.get());"));
            return name;
        }
        format!("_{}", name.replace("r#", ""))
    }

    /// A pattern for what is behind a `&`.
    pub(crate) fn borrowed_pattern(&self, draft: &mut Draft, seen: &mut Vec<String>) -> String {
        if self.is_quiet() {
            return "_".to_owned();
        }
        let copies = match self {
            Self::Pair(a, b) => a.copies() && b.copies(),
            ty => ty.copies(),
        };
        match draft.dice.below(12) {
            0 => return "_".to_owned(),
            1 => {
                let name = draft.name();
                seen.push(format!("trace.see(&mut {name});"));
                return format!("mut {name}");
            }
            2..6 if copies => {
                draft.note("pattern &x");
                let parts = self.apart(draft, seen, &mut named);
                return format!("&{}", parts.unwrap_or_else(|| named(self, draft, seen)));
            }
            2..6 => {
                if let Some(pattern) = self.apart(draft, seen, &mut named) {
                    draft.note("pattern apart by reference");
                    return pattern;
                }
            }
            _ => {}
        }
        let name = draft.name();
        seen.push(format!("trace.see(&{name});"));
        name
    }

    /// A pattern that takes the value apart, where it has parts.
    fn apart(&self, draft: &mut Draft, seen: &mut Vec<String>, part: Part<'_>) -> Option<String> {
        let pattern = match self {
            Self::Unit => "()".to_owned(),
            Self::Pair(a, b) => match draft.dice.below(4) {
                0 => format!("({}, ..)", part(a, draft, seen)),
                1 => format!("(.., {})", part(b, draft, seen)),
                _ => format!("({}, {})", part(a, draft, seen), part(b, draft, seen)),
            },
            Self::Array(ty, length, n) if *length == n.to_string() => match draft.dice.below(3) {
                0 => format!("[{}, ..]", part(ty, draft, seen)),
                1 => format!("[.., {}]", part(ty, draft, seen)),
                _ => {
                    let parts: Vec<_> = (0..*n).map(|_| part(ty, draft, seen)).collect();
                    format!("[{}]", parts.join(", "))
                }
            },
            Self::Config => {
                let depth = part(&Self::Number("usize"), draft, seen);
                let name = if draft.dice.once_in(3) {
                    "..".to_owned()
                } else {
                    format!("name: {}", part(&Self::Text, draft, seen))
                };
                format!("kit::Config {{ depth: {depth}, {name} }}")
            }
            _ => return None,
        };
        draft.note("pattern apart");
        Some(pattern)
    }

    /// Statements that change a variable and look at it before and after.
    fn changed(&self, name: &str) -> String {
        let change = match self {
            Self::Number(_) => format!("{name} = {name}.wrapping_add(1);"),
            Self::Flag => format!("{name} = !{name};"),
            Self::Text => format!("{name}.push('!');"),
            Self::List(_) => format!("{name}.truncate(1);"),
            Self::Maybe(_) => format!("{name} = None;"),
            _ => return format!("trace.see(&mut {name});"),
        };
        format!("trace.see(&{name}); {change} trace.see(&{name});")
    }
}

/// A part of a pattern that only binds, or does not.
fn named(ty: &Type, draft: &mut Draft, seen: &mut Vec<String>) -> String {
    if ty.is_quiet() || draft.dice.once_in(3) {
        return "_".to_owned();
    }
    let name = draft.name();
    seen.push(format!("trace.see(&{name});"));
    name
}

type Part<'p> = &'p mut dyn FnMut(&Type, &mut Draft, &mut Vec<String>) -> String;

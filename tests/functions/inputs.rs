//! The parameters of a function, and what its calls pass for them.

use crate::dice::Dice;
use crate::dice::Draft;
use crate::outputs::Failure;
use crate::outputs::Passed;
use crate::types::Type;

pub(crate) struct Input {
    /// Attributes, pattern and type.
    pub(crate) written: String,
    takes: Takes,
}

enum Takes {
    Value(Type),
    Borrowed(Borrowed),
    /// What a plain call would take too.
    Plain(&'static str),
    /// A condition that does not hold took it away.
    Nothing,
}

enum Borrowed {
    /// `&T`
    Of(Type),
    /// `&[T]`
    Slice(Type),
    /// `&str`, or a parameter that is one.
    Text,
    Path,
    Os,
    /// `&(dyn Debug + Send + Sync)`
    Object,
}

/// What a call passes for a parameter, and the function beside it.
pub(crate) struct Argument {
    pub(crate) plain: String,
    pub(crate) call: String,
    pub(crate) fate: Fate,
}

/// What an argument makes of the call.
pub(crate) enum Fate {
    Runs,
    /// It ends with this error, unrun.
    Fails(String),
    /// It is lost as its argument was.
    Lost,
}

impl Input {
    pub(crate) fn any(draft: &mut Draft, seen: &mut Vec<String>) -> Self {
        let (pattern, ty, takes) = match draft.dice.below(20) {
            0..9 => value(draft, seen),
            9..16 => reference(draft, seen),
            _ => as_it_is(draft, seen),
        };
        let attribute = match draft.dice.below(24) {
            0 => "#[cfg(all())] ",
            1 => "#[cfg_attr(all(), allow(unused_variables))] ",
            2 => "#[allow(unused_variables)] ",
            3 => "#[cfg(not(any()))] #[allow(unused_mut)] ",
            _ => "",
        };
        if attribute.contains("cfg(") {
            draft.note("parameter with #[cfg]");
        }
        Self { written: format!("{attribute}{pattern}: {ty}"), takes }
    }

    /// A parameter that is not there.
    pub(crate) fn gone(draft: &mut Draft) -> Self {
        draft.note("parameter without its #[cfg]");
        Self { written: format!("#[cfg(any())] {}: NoSuchType", draft.name()), takes: Takes::Nothing }
    }

    /// Whether what is passed becomes the type of the parameter only there.
    pub(crate) fn is_coerced(&self) -> bool {
        matches!(self.takes, Takes::Plain(_))
    }

    pub(crate) fn argument(&self, dice: &mut Dice, failure: Option<&Failure>) -> Option<Argument> {
        match &self.takes {
            Takes::Nothing => None,
            Takes::Plain(text) => {
                let text = (*text).to_owned();
                Some(Argument { plain: text.clone(), call: text, fate: Fate::Runs })
            }
            Takes::Value(ty) => Some(of_value(ty, dice, failure)),
            Takes::Borrowed(borrowed) => Some(borrowed.argument(dice, failure)),
        }
    }
}

type Parts = (String, String, Takes);

fn value(draft: &mut Draft, seen: &mut Vec<String>) -> Parts {
    let ty = Type::any(draft, 2);
    draft.note(if matches!(ty, Type::Param(..)) { "parameter T: generic" } else { "parameter T" });
    let pattern = ty.pattern(draft, seen);
    (pattern, ty.written(), Takes::Value(ty))
}

fn reference(draft: &mut Draft, seen: &mut Vec<String>) -> Parts {
    let (form, written, borrowed) = match draft.dice.below(14) {
        0..3 => ("parameter &str", "str".to_owned(), Borrowed::Text),
        3 => ("parameter &Path", "std::path::Path".to_owned(), Borrowed::Path),
        4 => ("parameter &OsStr", "std::ffi::OsStr".to_owned(), Borrowed::Os),
        5 => ("parameter &dyn", "(dyn std::fmt::Debug + Send + Sync)".to_owned(), Borrowed::Object),
        6 => {
            let bounds = ["std::fmt::Debug", "?Sized", "Send", "Sync", "'static"];
            let name = draft.generic(&bounds, "str".to_owned());
            ("parameter &T: ?Sized", name, Borrowed::Text)
        }
        7..10 => {
            let ty = Type::any(draft, 1);
            ("parameter &[T]", format!("[{}]", ty.written()), Borrowed::Slice(ty))
        }
        _ => {
            let ty = Type::any(draft, 2);
            ("parameter &T", ty.written(), Borrowed::Of(ty))
        }
    };
    draft.note(form);
    let pattern = match &borrowed {
        Borrowed::Of(ty) => ty.borrowed_pattern(draft, seen),
        Borrowed::Slice(ty) if ty.is_quiet() => "_".to_owned(),
        _ => {
            let name = draft.name();
            seen.push(format!("trace.see(&{name});"));
            name
        }
    };
    let lifetime = match draft.dice.below(5) {
        0 => {
            draft.note("lifetime '_");
            "'_ "
        }
        1 => {
            draft.note("lifetime 'a");
            let name = draft.dice.pick(&["'a", "'b"]);
            if !draft.lifetimes.contains(&name) {
                draft.lifetimes.push(name);
            }
            if name == "'a" { "'a " } else { "'b " }
        }
        _ => "",
    };
    (pattern, format!("&{lifetime}{written}"), Takes::Borrowed(borrowed))
}

/// `impl Trait`, closures and function pointers.
fn as_it_is(draft: &mut Draft, seen: &mut Vec<String>) -> Parts {
    let name = draft.name();
    let (form, ty, see, given): (_, _, String, _) = match draft.dice.below(12) {
        0 => {
            ("parameter impl Display", "impl std::fmt::Display + Send + 'static", format!("{name}.to_string()"), "7_u8")
        }
        1 => (
            "parameter impl Display",
            "impl std::fmt::Display + Send + 'static",
            format!("{name}.to_string()"),
            "\"x\"",
        ),
        2 => ("parameter impl Fn", "impl Fn(u64) -> u64 + Send + 'static", format!("{name}(4)"), "|n| n + 3"),
        3 => (
            "parameter impl Fn",
            "impl for<'x> Fn(&'x str) -> usize + Send + 'static",
            format!("{name}(\"x\")"),
            "|text| text.len()",
        ),
        4 => {
            let see = format!("{name}.iter().map(ToString::to_string).collect::<String>()");
            ("parameter Vec<impl>", "Vec<impl std::fmt::Display + Send + 'static>", see, "vec![\"a\", \"b\"]")
        }
        5 => {
            let see = format!("{name}.map(|numbers| numbers.collect::<Vec<_>>())");
            (
                "parameter Option<impl>",
                "Option<impl Iterator<Item = u8> + Send + 'static>",
                see,
                "Some([1, 2].into_iter())",
            )
        }
        6 => ("parameter fn", "fn(u64) -> u64", format!("{name}(4)"), "|n| n + 1"),
        7 => ("parameter fn of &", "fn(&str) -> &str", format!("{name}(\" x \")"), "str::trim"),
        8 => {
            let given = "Box::new(|n: u64| n * 2) as Box<dyn Fn(u64) -> u64 + Send>";
            ("parameter Box<dyn Fn>", "Box<dyn Fn(u64) -> u64 + Send>", format!("{name}(4)"), given)
        }
        kind => return closure(draft, seen, &name, kind),
    };
    draft.note(form);
    seen.push(format!("trace.see(&{see});"));
    (name, ty.to_owned(), Takes::Plain(given))
}

/// A type parameter that is a closure.
fn closure(draft: &mut Draft, seen: &mut Vec<String>, name: &str, kind: usize) -> Parts {
    let (form, bound, see, given) = match kind {
        9 => ("parameter F: Fn", "Fn(&str) -> usize", format!("{name}(\"four\")"), "|text| text.len()"),
        10 => (
            "parameter F: FnMut",
            "FnMut(u8) -> u8",
            format!("({name}(1), {name}(2))"),
            "{ let mut sum = 0; move |n| { sum += n; sum } }",
        ),
        _ => ("parameter F: FnOnce", "std::ops::FnOnce() -> String", format!("{name}()"), "|| \"once\".to_owned()"),
    };
    draft.note(form);
    let ty = draft.generic(&[bound, "Send", "'static"], "_".to_owned());
    if kind == 9 && draft.dice.once_in(2) {
        draft.note("where for<> F: Fn");
        if let Some(generic) = draft.generics.last_mut() {
            generic.bounds.remove(0);
        }
        draft.predicates.push(format!("for<'x> {ty}: Fn(&'x str) -> usize"));
    }
    seen.push(format!("trace.see(&{see});"));
    let pattern = if kind == 10 { format!("mut {name}") } else { name.to_owned() };
    (pattern, ty, Takes::Plain(given))
}

/// Types of which handles are common. Each further type makes the crate a lot larger: rustc writes the runtime anew for it.
const COMMON: [&str; 6] = ["u8", "bool", "String", "kit::Config", "kit::Single", "Vec<String>"];

/// Whether to pass a handle to a value of that type.
fn as_handle(ty: &str, dice: &mut Dice) -> bool {
    dice.once_in(if COMMON.contains(&ty) { 2 } else { 8 })
}

/// A handle to a value of that type.
fn handle(ty: &str, value: &str, dice: &mut Dice) -> String {
    let all = ["ready", "ready", "promised", "promised", "spawned", "threaded", "called"];
    let way = dice.pick(if COMMON.contains(&ty) { &all } else { &all[..4] });
    format!("kit::{way}::<{ty}>({value})")
}

/// What can be passed of a handle: moved, and where it can be cloned, borrowed or shared.
fn passed(handle: String, clones: bool, dice: &mut Dice) -> String {
    match dice.below(if clones { 5 } else { 1 }) {
        0 | 1 => handle,
        2 => format!("&{handle}"),
        3 => format!("{handle}.shared()"),
        _ => format!("&{handle}.shared()"),
    }
}

/// An argument that ends well or not: a handle to an owner, which may be in a `Result` if the function can fail.
struct Owner<'o> {
    ty: String,
    value: &'o str,
    /// Whether a handle may be borrowed, and whether it may be shared.
    clones: bool,
    shares: bool,
    /// Whether a borrowed `Shared` fits as well, which is so for a parameter by value.
    by_value: bool,
}

impl Owner<'_> {
    fn handle(&self, dice: &mut Dice, failure: Option<&Failure>) -> (String, Fate) {
        if dice.once_in(12) {
            return (self.passed(format!("kit::lost::<{}>()", self.ty), true, dice), Fate::Lost);
        }
        let Some(failure) = failure.filter(|_| dice.once_in(2)) else {
            return (self.passed(handle(&self.ty, self.value, dice), true, dice), Fate::Runs);
        };
        let Passed(error, made, clones) = dice.pick(failure.passes);
        let result = format!("Result<{}, {error}>", self.ty);
        if dice.once_in(3) {
            let call = self.passed(handle(&result, &format!("Err({made})"), dice), clones, dice);
            return (call, failed(failure, made));
        }
        (self.passed(handle(&result, &format!("Ok({})", self.value), dice), clones, dice), Fate::Runs)
    }

    fn passed(&self, handle: String, clones: bool, dice: &mut Dice) -> String {
        if self.by_value {
            return passed(handle, self.clones && clones, dice);
        }
        match dice.below(4) {
            0 if self.clones && clones => format!("&{handle}"),
            1 | 2 if self.shares && clones => format!("{handle}.shared()"),
            _ => handle,
        }
    }
}

fn failed(failure: &Failure, made: &str) -> Fate {
    Fate::Fails(format!("format!(\"Err({{:?}})\", <{}>::from({made}))", failure.given))
}

/// A list of calls, for a `Vec<T>` or a `&[T]`.
fn list(ty: &str, value: &str, dice: &mut Dice, failure: Option<&Failure>) -> (String, Fate) {
    match failure.filter(|_| dice.once_in(2)) {
        None => (format!("kit::list::<{ty}>({value})"), Fate::Runs),
        Some(failure) => {
            let Passed(error, made, _) = dice.pick(failure.passes);
            if dice.once_in(3) {
                return (format!("kit::failing_list::<{ty}, {error}>({value}, {made})"), failed(failure, made));
            }
            (format!("kit::list_of_results::<{ty}, {error}>({value})"), Fate::Runs)
        }
    }
}

fn of_value(ty: &Type, dice: &mut Dice, failure: Option<&Failure>) -> Argument {
    let plain = ty.value(dice);
    let given = ty.given();
    let is_handle = as_handle(&given, dice);
    let (call, fate) = match ty {
        Type::Handle(_) => (plain.clone(), Fate::Runs),
        _ if !is_handle => (plain.clone(), Fate::Runs),
        Type::List(of) if dice.once_in(2) => list(&of.given(), &plain, dice, failure),
        _ => {
            let clones = ty.clones();
            let owner = Owner { ty: given, value: &plain, clones, shares: clones, by_value: true };
            owner.handle(dice, failure)
        }
    };
    Argument { plain, call, fate }
}

impl Borrowed {
    fn argument(&self, dice: &mut Dice, failure: Option<&Failure>) -> Argument {
        let (plain, value, ty, clones) = self.value(dice);
        if let (Self::Slice(of), true) = (self, dice.once_in(8)) {
            let (call, fate) = list(&of.given(), &value, dice, failure);
            return Argument { plain, call, fate };
        }
        let holder = dice.pick(&["Box", "std::sync::Arc"]);
        let held = match self {
            Self::Object => Some(format!("{holder}::new({value}) as {holder}<dyn std::fmt::Debug + Send + Sync>")),
            Self::Of(_) => Some(format!("{holder}::new({value})")),
            Self::Slice(of) => Some(format!("{holder}::<[{}]>::from({value})", of.given())),
            Self::Text => Some(format!("{holder}::<str>::from({value})")),
            Self::Path => Some(format!("{holder}::<std::path::Path>::from({value})")),
            Self::Os => Some(format!("{holder}::<std::ffi::OsStr>::from({value})")),
        };
        // A bare value of a `&T` is no owner of it, as it is of a `&[T]`.
        let bare = (!matches!(self, Self::Object | Self::Of(_))).then(|| value.clone());
        let borrowed = [plain.clone(), format!("&{value}")].map(|text| clones.then_some(text));
        let ways: Vec<_> = borrowed.into_iter().chain([bare, held]).flatten().collect();
        if as_handle(&ty, dice) && !matches!(self, Self::Object) {
            let owner = Owner { ty, value: &value, clones, shares: true, by_value: false };
            let (call, fate) = owner.handle(dice, failure);
            return Argument { plain, call, fate };
        }
        Argument { plain, call: dice.pick(&ways), fate: Fate::Runs }
    }

    /// A borrowed value, an owner of it with its type, and whether it can be cloned.
    fn value(&self, dice: &mut Dice) -> (String, String, String, bool) {
        let text = dice.pick(&["\"\"", "\"text\"", "\"größer\""]);
        match self {
            Self::Of(ty) => {
                let value = ty.value(dice);
                (format!("&{value}"), value, ty.given(), ty.clones())
            }
            Self::Slice(ty) => {
                let values = ty.values(dice.below(3) + 1, dice);
                (format!("&[{values}]"), format!("vec![{values}]"), format!("Vec<{}>", ty.given()), ty.clones())
            }
            Self::Text => (text.to_owned(), format!("{text}.to_owned()"), "String".to_owned(), true),
            Self::Path => {
                let path = format!("std::path::Path::new({text})");
                (path.clone(), format!("{path}.to_path_buf()"), "std::path::PathBuf".to_owned(), true)
            }
            Self::Os => {
                let os = format!("std::ffi::OsStr::new({text})");
                (os.clone(), format!("{os}.to_os_string()"), "std::ffi::OsString".to_owned(), true)
            }
            Self::Object => ("&7_u8".to_owned(), "7_u8".to_owned(), "u8".to_owned(), false),
        }
    }
}

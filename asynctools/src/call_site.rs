//! `CallSite`: which function was called, and where.

use std::cmp::Ordering;
use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;
use std::panic::Location;
use std::sync::OnceLock;

#[cfg(feature = "metrics")]
use crate::meter_site::MeterSite;
#[cfg(feature = "tracing")]
use crate::span_site::Description;
#[cfg(feature = "tracing")]
use crate::span_site::SpanSite;
#[cfg(feature = "tracing")]
use crate::span_site::Wish;

/// A function that an expansion rewrote, or a method of this crate that takes a closure.
#[derive(Debug)]
pub struct Function {
    module: &'static str,
    name: &'static str,
    location: Option<&'static Location<'static>>,
    /// `module::name`, made at the first use: few functions are ever asked, and at compile time every function would
    /// pay.
    path: OnceLock<String>,
    #[cfg(feature = "tracing")]
    spans: SpanSite,
    #[cfg(feature = "metrics")]
    meters: MeterSite,
}

/// The name of a function that an expansion rewrote.
#[derive(Clone, Copy, Debug)]
pub struct Name(pub &'static str);

impl Name {
    /// Describes the function of that name in `module`. The caller's line is the line of the function.
    #[must_use]
    #[track_caller]
    pub const fn within(self, module: &'static str) -> Function {
        Function::new(module, self.0, Some(Location::caller()))
    }
}

impl Function {
    /// Describes a method of this crate, which has no line in the program.
    pub(crate) const fn method(name: &'static str) -> Self {
        Self::new("", name, None)
    }

    const fn new(module: &'static str, name: &'static str, location: Option<&'static Location<'static>>) -> Self {
        Self {
            module,
            name,
            location,
            // The compiler evaluates these constants once, and not for each function of a program.
            path: const { OnceLock::new() },
            #[cfg(feature = "tracing")]
            spans: const { SpanSite::new() },
            #[cfg(feature = "metrics")]
            meters: const { MeterSite::new() },
        }
    }

    /// Returns the description of the spans of calls, and whether a subscriber wants such a span.
    #[cfg(feature = "tracing")]
    pub(crate) fn spans_wanted(&'static self) -> Option<(&'static Description, Wish)> {
        let target = if self.module.is_empty() { "asynctools" } else { self.module };
        self.spans.wanted(self.name, target, self.location.map(|location| (location.file(), location.line())))
    }

    /// Returns the description of the spans of calls; `None` before the first call.
    #[cfg(feature = "tracing")]
    pub(crate) fn spans(&'static self) -> Option<&'static Description> {
        self.spans.description()
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn meters(&'static self) -> &'static MeterSite {
        &self.meters
    }

    fn path(&'static self) -> &'static str {
        if self.module.is_empty() {
            return self.name;
        }
        self.path.get_or_init(|| format!("{}::{}", self.module, self.name))
    }
}

/// One call on the path of a [`TaskError`](crate::TaskError): the function that was called, and where.
///
/// Two sites are equal if the same function was called at the same file, line and column, which is also their order. Prints
/// as `fetch (src/main.rs:12)`. A call through a function value (`urls.iter().map(fetch)`) has no line of its
/// own in the program, so its site is the line of the function; a closure around the call has one.
///
/// # Examples
///
/// ```
/// use asynctools::{AsyncValue, TaskError, parallel};
///
/// let defined = line!() + 2;
/// #[parallel]
/// fn boom(_: u32) {
///     panic!("no luck");
/// }
///
/// let error: TaskError = boom(0).outcome().unwrap_err();
/// let site = error.path().next().unwrap();
/// assert!(site.function().ends_with("::boom"));
/// assert_eq!(site.to_string(), format!("boom ({}:{})", site.file(), site.line()));
///
/// fn line([call]: [AsyncValue<()>; 1]) -> u32 {
///     call.outcome().unwrap_err().path().next().unwrap().line()
/// }
///
/// assert_eq!(line([0].map(boom)), defined);
/// assert_eq!(line([0].map(|n| boom(n))), line!());
/// ```
#[derive(Clone, Copy)]
pub struct CallSite {
    function: &'static Function,
    location: &'static Location<'static>,
}

impl CallSite {
    /// Returns the site of `function` where our caller is called.
    #[track_caller]
    pub(crate) fn here(function: &'static Function) -> Self {
        Self { function, location: Location::caller() }
    }

    /// Returns the path of the function (`my_crate::net::fetch`), or for a closure the name of the method that took the
    /// closure (`spawn`).
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let (line, call) = (line!(), parallel(|| panic!("no luck")));
    /// let site = call.outcome().unwrap_err().path().next().unwrap();
    /// assert!(site.function() == "parallel");
    /// ```
    #[must_use]
    pub fn function(&self) -> &'static str {
        self.function.path()
    }

    /// Returns the file of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let (line, call) = (line!(), parallel(|| panic!("no luck")));
    /// let site = call.outcome().unwrap_err().path().next().unwrap();
    /// assert!(site.file() == file!());
    /// ```
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.location().file()
    }

    /// Returns the line of the call.
    ///
    /// # Examples
    ///
    /// ```
    /// use asynctools::parallel;
    ///
    /// let (line, call) = (line!(), parallel(|| panic!("no luck")));
    /// let site = call.outcome().unwrap_err().path().next().unwrap();
    /// assert!(site.line() == line);
    /// ```
    #[must_use]
    pub fn line(&self) -> u32 {
        self.location().line()
    }

    #[cfg(any(feature = "tracing", feature = "metrics"))]
    pub(crate) fn callee(&self) -> &'static Function {
        self.function
    }

    /// Returns the line of the call, or if a function value was called the line of the function: the caller is then a
    /// shim in `core`. Only the end of the shim's path is compared, because a toolchain with installed sources replaces
    /// the `/rustc/<hash>` in front.
    fn location(&self) -> &'static Location<'static> {
        let is_shim =
            |file: &str| file.ends_with("core/src/ops/function.rs") || file.ends_with(r"core\src\ops\function.rs");
        self.function.location.filter(|_| is_shim(self.location.file())).unwrap_or(self.location)
    }
}

impl CallSite {
    /// Returns the parts that sites are compared by.
    fn parts(&self) -> (&'static str, u32, u32, &'static str) {
        let location = self.location();
        (location.file(), location.line(), location.column(), self.function())
    }
}

impl PartialEq for CallSite {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for CallSite {}

impl PartialOrd for CallSite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CallSite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl Hash for CallSite {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.function.name, self.file(), self.line())
    }
}

impl fmt::Debug for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

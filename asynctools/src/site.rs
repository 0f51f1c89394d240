//! Who was called, and where.

use std::fmt;
use std::panic::Location;

/// What an expansion says of the function that it rewrote.
#[derive(Debug)]
pub struct Function {
    path: &'static str,
    file: &'static str,
    line: u32,
}

impl Function {
    /// The function `path`, defined at `file:line`.
    #[must_use]
    pub const fn new(path: &'static str, file: &'static str, line: u32) -> Self {
        Self { path, file, line }
    }

    /// A method of ours that takes a closure: it has no line of its own in the program.
    pub(crate) const fn method(name: &'static str) -> Self {
        Self::new(name, "", 0)
    }
}

/// One call on the way of a [`TaskError`](crate::TaskError): the function that was called, and where.
///
/// Prints as `fetch (src/main.rs:12)`. A call made through a function value (`urls.iter().map(fetch)`) has no line of its
/// own in the program; its site is the line of the function.
///
/// # Examples
///
/// ```
/// use asynctools::{TaskError, parallel};
///
/// #[parallel]
/// fn boom() {
///     panic!("no luck");
/// }
///
/// let error: TaskError = boom().outcome().unwrap_err();
/// let site = error.path().next().unwrap();
/// assert!(site.function().ends_with("::boom"));
/// assert_eq!(site.to_string(), format!("boom ({}:{})", site.file(), site.line()));
/// ```
#[derive(Clone, Copy)]
pub struct CallSite {
    function: &'static Function,
    location: &'static Location<'static>,
}

impl CallSite {
    pub(crate) fn new(function: &'static Function, location: &'static Location<'static>) -> Self {
        Self { function, location }
    }

    /// The path of the function (`my_crate::net::fetch`), or for a closure the name of the method that took it (`spawn`).
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
        self.function.path
    }

    /// The file of the call.
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
        if self.is_through_value() { self.function.file } else { self.location.file() }
    }

    /// The line of the call.
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
        if self.is_through_value() { self.function.line } else { self.location.line() }
    }

    /// Whether the caller is the shim in `core` through which a function value is called: nobody looks for a call there.
    /// Told by the end of its path, since a toolchain with the sources installed replaces the `/rustc/<hash>` in front.
    fn is_through_value(&self) -> bool {
        let file = self.location.file();
        let shim = file.ends_with("core/src/ops/function.rs") || file.ends_with(r"core\src\ops\function.rs");
        shim && self.function.line > 0
    }
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.function.path;
        let name = path.rsplit("::").next().unwrap_or(path);
        write!(f, "{name} ({}:{})", self.file(), self.line())
    }
}

impl fmt::Debug for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

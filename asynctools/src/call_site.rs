//! Who was called, and where.

use std::fmt;
use std::panic::Location;

use crate::sync::OnceLock;

/// What an expansion says of the function that it rewrote.
#[derive(Debug)]
pub struct Function {
    module: &'static str,
    name: &'static str,
    location: Option<&'static Location<'static>>,
    /// Made when somebody asks: at compile time it would cost every function, and few are ever asked for.
    path: OnceLock<String>,
}

/// The name of a function that an expansion rewrote.
#[derive(Clone, Copy, Debug)]
pub struct Name(pub &'static str);

impl Name {
    /// The function of that name in `module`, defined where this is called.
    #[must_use]
    #[track_caller]
    pub const fn within(self, module: &'static str) -> Function {
        Function { module, name: self.0, location: Some(Location::caller()), path: OnceLock::new() }
    }
}

impl Function {
    /// A method of ours that takes a closure: it has no line of its own in the program.
    pub(crate) const fn method(name: &'static str) -> Self {
        Self { module: "", name, location: None, path: OnceLock::new() }
    }

    fn path(&'static self) -> &'static str {
        if self.module.is_empty() {
            return self.name;
        }
        self.path.get_or_init(|| format!("{}::{}", self.module, self.name))
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
        self.function.path()
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
        self.line_of_the_program().file()
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
        self.line_of_the_program().line()
    }

    /// Where the call stands in the program. If the caller is the shim in `core` through which a function value is called,
    /// nobody looks for a call there, and it is where the function stands. The shim is told by the end of its path, since a
    /// toolchain with the sources installed replaces the `/rustc/<hash>` in front.
    fn line_of_the_program(&self) -> &'static Location<'static> {
        let file = self.location.file();
        let shim = file.ends_with("core/src/ops/function.rs") || file.ends_with(r"core\src\ops\function.rs");
        self.function.location.filter(|_| shim).unwrap_or(self.location)
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

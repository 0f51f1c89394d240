//! How the macro reports a mistake: one message at the narrowest span, and independent mistakes together.

use syn::Error;

/// `err!(tokens, "...")` is an error that points at all of `tokens`.
macro_rules! err {
    ($tokens:expr, $($message:tt)+) => {
        ::syn::Error::new_spanned(&$tokens, format!($($message)+))
    };
}

/// `bail!(tokens, "...")` returns that error.
macro_rules! bail {
    ($($error:tt)+) => {
        return Err($crate::error::err!($($error)+))
    };
}

pub(crate) use bail;
pub(crate) use err;

/// The mistakes found so far, in the order of finding.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: Error) {
        match &mut self.0 {
            Some(first) => first.combine(mistake),
            none => *none = Some(mistake),
        }
    }

    /// Returns the value of `result`, or adds its mistake.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake)).ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn into_error(self) -> Option<Error> {
        self.0
    }
}

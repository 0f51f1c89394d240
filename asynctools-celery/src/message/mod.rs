//! A message as the worker understands it.

pub(crate) mod request;
pub(crate) mod arguments;

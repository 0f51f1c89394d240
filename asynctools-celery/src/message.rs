//! A message as the worker understands it.

pub(crate) mod arguments;
pub(crate) mod request;

//! The arguments of a call, from the body of its message to the parameters of a function.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde::de::Visitor;
use serde::forward_to_deserialize_any;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::message::request::Request;
use crate::wire::envelope::Envelope;
use crate::wire::json;

/// The three parts of a body.
#[derive(Debug, Deserialize)]
pub(crate) struct Body<'a>(
    #[serde(borrow)] Vec<&'a RawValue>,
    #[serde(borrow)] BTreeMap<String, &'a RawValue>,
    pub(crate) Embed,
);

/// The steps that follow the call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Embed {
    callbacks: Value,
    errbacks: Value,
    chain: Value,
    chord: Value,
}

impl Embed {
    /// Returns the name of a part that asks for more than the call itself.
    pub(crate) fn asks_for(&self) -> Option<&'static str> {
        let parts = [
            ("a callback (`link`)", &self.callbacks),
            ("an errback (`link_error`)", &self.errbacks),
            ("a chain", &self.chain),
            ("a chord", &self.chord),
        ];
        let asks = |part: &Value| !(part.is_null() || part.as_array().is_some_and(Vec::is_empty));
        parts.into_iter().find(|(_, part)| asks(part)).map(|(name, _)| name)
    }
}

impl<'a> Body<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("the body is not `[args, kwargs, embed]`: {error}"))
    }

    /// Returns the positional and the keyword arguments as they are.
    pub(crate) fn values(&self) -> (Value, Value) {
        let value = |raw: &&RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
        let kwargs = self.1.iter().map(|(name, raw)| (name.clone(), value(raw))).collect();
        (Value::Array(self.0.iter().map(value).collect()), Value::Object(kwargs))
    }

    pub(crate) fn arguments(self, request: &'a Request, envelope: &'a Envelope<'a>) -> Arguments<'a> {
        Arguments { args: self.0, taken: 0, kwargs: self.1, request, envelope }
    }
}

/// The arguments of a call, which a task takes by its parameters' names, in their order.
///
/// A positional argument belongs to the parameter at its place, a keyword argument to the parameter of its name. A parameter
/// of type `Option` may be left out.
///
/// # Examples
///
/// ```
/// use asynctools_celery::{Arguments, BadArguments};
///
/// /// Reads the arguments of `resize(path, width=None)`.
/// fn read(mut arguments: Arguments<'_>) -> Result<(String, Option<u32>), BadArguments> {
///     let all = (arguments.take("path")?, arguments.take("width")?);
///     arguments.end()?;
///     Ok(all)
/// }
/// ```
#[derive(Debug)]
pub struct Arguments<'a> {
    args: Vec<&'a RawValue>,
    taken: usize,
    kwargs: BTreeMap<String, &'a RawValue>,
    request: &'a Request,
    envelope: &'a Envelope<'a>,
}

/// Arguments that do not fit the parameters; the message names the parameter.
///
/// # Examples
///
/// ```
/// use asynctools_celery::{BadArguments, Failure};
///
/// // The message is that of the failed call.
/// fn refuse(error: BadArguments) -> Failure {
///     println!("{error}");
///     error.into()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArguments(String);

impl fmt::Display for BadArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadArguments {}

impl Arguments<'_> {
    /// Returns the id of the call.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.request.id
    }

    /// Returns how often the call was run before and is to be run again.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.request.retries
    }

    /// Returns a header of the message as JSON.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.envelope.headers.get(name).map(Value::to_string)
    }

    /// Returns a property of the message as JSON.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<String> {
        self.envelope.properties.get(name).map(Value::to_string)
    }

    /// Returns the argument for the next parameter, which is called `name`.
    ///
    /// # Errors
    ///
    /// The argument is missing, is there twice, or is of another type.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, BadArguments> {
        self.take_by(name, read::<T>)
    }

    /// Returns the argument for the next parameter, read by `read`.
    pub(crate) fn take_by<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Option<&str>) -> Result<T, String>,
    ) -> Result<T, BadArguments> {
        let positional = self.args.get(self.taken).copied();
        let keyword = self.kwargs.remove(name);
        self.taken += 1;
        if positional.is_some() && keyword.is_some() {
            return Err(BadArguments(format!("argument `{name}` is there twice")));
        }
        match positional.or(keyword) {
            None => read(None).map_err(|_| BadArguments(format!("argument `{name}` is missing"))),
            Some(raw) => read(Some(raw.get())).map_err(|why| BadArguments(format!("argument `{name}`: {why}"))),
        }
    }

    /// Ends the taking.
    ///
    /// # Errors
    ///
    /// There are arguments that no parameter took.
    pub fn end(self) -> Result<(), BadArguments> {
        let (given, takes) = (self.args.len(), self.taken);
        if given > takes {
            return Err(BadArguments(format!(
                "{given} positional arguments are given; the task takes at most {takes}"
            )));
        }
        match self.kwargs.keys().next() {
            Some(name) => Err(BadArguments(format!("argument `{name}` is not one of the task's"))),
            None => Ok(()),
        }
    }
}

/// Reads a value from JSON, or from an argument that is left out.
pub(crate) fn read<T: DeserializeOwned>(json: Option<&str>) -> Result<T, String> {
    let Some(json) = json else { return T::deserialize(Missing).map_err(|error| error.to_string()) };
    json::check(json).map_err(|error| error.to_string())?;
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// An argument that is not there: nothing but an `Option` is content with it.
struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

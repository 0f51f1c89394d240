//! How values of a type travel. Expansions ask once for each type, at the place of the type, so rustc complains once
//! and there.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::arguments::read;
use crate::wire::values::Bytes;

/// A value that goes to another machine and comes back: an argument, a result, or an error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to a Celery worker and back",
    label = "`{Self}` does not implement both `Serialize` and `DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Travels: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Travels for T {}

/// A borrowed value, sent to another machine, where the owned form is read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to a Celery worker",
    label = "`{Self}` does not implement `Serialize`, or its owned form not `DeserializeOwned`",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait TravelsByReference: Serialize + ToOwned<Owned: DeserializeOwned> {}

#[diagnostic::do_not_recommend]
impl<B: Serialize + ToOwned<Owned: DeserializeOwned> + ?Sized> TravelsByReference for B {}

/// An error, sent to another machine together with its text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no text, which callers in Python get",
    label = "`{Self}` does not implement `Display`",
    note = "implement `std::fmt::Display` for the error"
)]
pub trait HasText: fmt::Display {}

#[diagnostic::do_not_recommend]
impl<E: fmt::Display> HasText for E {}

/// How values are written as a `B` and read as a `T`.
pub struct Codec<B: ?Sized, T> {
    write: fn(&B) -> serde_json::Result<String>,
    read: fn(Option<&str>) -> Result<T, String>,
}

impl<B: ?Sized, T> fmt::Debug for Codec<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

impl<B: ?Sized, T> Codec<B, T> {
    /// Writes a value as JSON.
    ///
    /// # Errors
    ///
    /// The value has no form in JSON.
    pub fn write(&self, value: &(impl Borrow<B> + ?Sized)) -> Result<String, String> {
        (self.write)(value.borrow()).map_err(|error| error.to_string())
    }

    /// Reads a value from JSON, or from an argument that is left out.
    pub(crate) fn read(&self, json: Option<&str>) -> Result<T, String> {
        (self.read)(json)
    }
}

/// Returns the way of values of this type.
#[must_use]
pub const fn by_value<T: Travels>() -> Codec<T, T> {
    Codec { write: |value| serde_json::to_string(value), read: read::<T> }
}

/// Returns the way of values that are borrowed as this type.
#[must_use]
pub const fn by_reference<B: TravelsByReference + ?Sized>() -> Codec<B, B::Owned> {
    Codec { write: |value| serde_json::to_string(value), read: read::<B::Owned> }
}

/// Returns the way of borrowed bytes, which are Python's `bytes`.
#[must_use]
pub const fn bytes() -> Codec<[u8], Vec<u8>> {
    Codec {
        write: |value| serde_json::to_string(&Bytes(value.to_vec())),
        read: |json| read::<Bytes>(json).map(|bytes| bytes.0),
    }
}

/// Returns the writer of an error's text.
#[must_use]
pub const fn text<E: HasText>() -> fn(&E) -> String {
    |error| error.to_string()
}

/// Returns the JSON of a list.
///
/// # Errors
///
/// An element has no form in JSON.
pub fn list(elements: impl IntoIterator<Item = Result<String, String>>) -> Result<String, String> {
    let mut list = "[".to_owned();
    for element in elements {
        if list.len() > 1 {
            list.push(',');
        }
        list += &element?;
    }
    list.push(']');
    Ok(list)
}

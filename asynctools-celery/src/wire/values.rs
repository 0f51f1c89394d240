//! Values without a form in JSON, as Celery writes these values: `{"__type__": "bytes", "__value__": ".."}`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;
use serde::ser::SerializeStruct;

fn tagged<S: Serializer>(
    serializer: S,
    kind: &'static str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_struct("Typed", 2)?;
    object.serialize_field("__type__", kind)?;
    object.serialize_field("__value__", value)?;
    object.end()
}

/// The two forms in which a value may come: with its type, or bare.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form<T> {
    Typed {
        #[serde(rename = "__type__")]
        kind: String,
        #[serde(rename = "__value__")]
        value: T,
    },
    Bare(T),
}

/// Bytes, as Python's `bytes`.
///
/// # Examples
///
/// ```
/// use asynctools_celery::Bytes;
///
/// let text = serde_json::to_string(&Bytes(b"abc".to_vec())).unwrap();
/// assert_eq!(text, r#"{"__type__":"bytes","__value__":"abc"}"#);
/// assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), Bytes(b"abc".to_vec()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => tagged(serializer, "bytes", text),
            Err(_) => tagged(serializer, "base64", &STANDARD.encode(&self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (kind, value) = match Form::<String>::deserialize(deserializer)? {
            Form::Typed { kind, value } => (kind, value),
            Form::Bare(value) => ("bytes".to_owned(), value),
        };
        match kind.as_str() {
            "bytes" => Ok(Self(value.into_bytes())),
            "base64" => STANDARD.decode(value).map(Self).map_err(D::Error::custom),
            other => Err(D::Error::custom(format_args!("found a value of type `{other}`, expected `bytes`"))),
        }
    }
}

/// A UUID, as Python's `uuid.UUID`.
///
/// # Examples
///
/// ```
/// use asynctools_celery::Uuid;
///
/// let hex = "000000000000000000000000000000ff";
/// let json = serde_json::json!({"__type__": "uuid", "__value__": {"hex": hex}});
/// let uuid: Uuid = serde_json::from_value(json).unwrap();
/// assert_eq!(uuid, Uuid(255));
/// assert_eq!(uuid.to_string(), "00000000-0000-0000-0000-0000000000ff");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Uuid(pub u128);

#[derive(Serialize, Deserialize)]
struct Hex {
    hex: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum UuidText {
    Hex(Hex),
    Bare(String),
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        tagged(serializer, "uuid", &Hex { hex: format!("{:032x}", self.0) })
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Form::<UuidText>::deserialize(deserializer)? {
            Form::Typed { kind, .. } if kind != "uuid" => {
                return Err(D::Error::custom(format_args!("found a value of type `{kind}`, expected `uuid`")));
            }
            Form::Typed { value, .. } | Form::Bare(value) => value,
        };
        let (UuidText::Hex(Hex { hex: text }) | UuidText::Bare(text)) = text;
        let digits = text.replace('-', "");
        let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u128::from_str_radix(&digits, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a UUID")))
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// The types with a text as value. This crate does not look into the text: a program parses the text with a library of
/// its choice.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $kind:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub String);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                tagged(serializer, $kind, &self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match Form::<String>::deserialize(deserializer)? {
                    Form::Typed { kind, .. } if kind != $kind => {
                        Err(D::Error::custom(format_args!("found a value of type `{kind}`, expected `{}`", $kind)))
                    }
                    Form::Typed { value, .. } | Form::Bare(value) => Ok(Self(value)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

texts! {
    /// A date with a time, as Python's `datetime.datetime`: `2023-11-14T22:13:20+00:00`.
    DateTime = "datetime"
    /// A date, as Python's `datetime.date`: `2023-11-14`.
    Date = "date"
    /// A time of day, as Python's `datetime.time`: `22:13:20`.
    Time = "time"
    /// A decimal number, as Python's `decimal.Decimal`: `0.10`.
    Decimal = "decimal"
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::Deserialize;
    use serde::Serialize;

    use crate::wire::values::Bytes;
    use crate::wire::values::Date;
    use crate::wire::values::Decimal;
    use crate::wire::values::Time;
    use crate::wire::values::Uuid;

    #[test]
    fn every_type_comes_back() {
        fn there_and_back<T: Serialize + for<'de> Deserialize<'de> + PartialEq + fmt::Debug>(value: &T, text: &str) {
            assert_eq!(serde_json::to_string(value).unwrap(), text);
            assert_eq!(&serde_json::from_str::<T>(text).unwrap(), value);
        }
        there_and_back(&Bytes(vec![255, 0]), r#"{"__type__":"base64","__value__":"/wA="}"#);
        there_and_back(&Uuid(1), r#"{"__type__":"uuid","__value__":{"hex":"00000000000000000000000000000001"}}"#);
        there_and_back(&Decimal("0.10".to_owned()), r#"{"__type__":"decimal","__value__":"0.10"}"#);
        there_and_back(&Date("2023-11-14".to_owned()), r#"{"__type__":"date","__value__":"2023-11-14"}"#);
        there_and_back(&Time("22:13:20".to_owned()), r#"{"__type__":"time","__value__":"22:13:20"}"#);
    }

    #[test]
    fn a_bare_value_is_read_and_another_type_is_refused() {
        assert_eq!(serde_json::from_str::<Decimal>("\"1.5\"").unwrap().0, "1.5");
        let error = serde_json::from_str::<Date>(r#"{"__type__":"time","__value__":"22:13:20"}"#).unwrap_err();
        assert!(error.to_string().contains("expected `date`"), "{error}");
        assert!(serde_json::from_str::<Uuid>(r#""+0000000-0000-0000-0000-000000000000""#).is_err());
    }
}
